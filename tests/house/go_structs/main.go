// Reads events, one JSON object per line, into the structs of the Go package, and prints what it got.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

type Event struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	SessionID string          `json:"session_id,omitempty"`
	Data      json.RawMessage `json:"data"`
}

type MessageEvent struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type ToolEvent struct {
	Name   string                 `json:"name"`
	Params map[string]interface{} `json:"params,omitempty"`
	Result string                 `json:"result,omitempty"`
	Error  string                 `json:"error,omitempty"`
}

type SessionEvent struct {
	SessionID string `json:"session_id"`
	Action    string `json:"action"`
}

type JobEvent struct {
	JobID   string `json:"job_id"`
	JobName string `json:"job_name"`
	Success bool   `json:"success"`
}

type SessionRolloverEvent struct {
	SessionID  string         `json:"session_id"`
	Reason     string         `json:"reason"`
	Transcript []MessageEvent `json:"transcript"`
	StartedAt  time.Time      `json:"started_at"`
	EndedAt    time.Time      `json:"ended_at"`
}

type AgentEndEvent struct {
	SessionID  string `json:"session_id,omitempty"`
	Success    bool   `json:"success"`
	Error      string `json:"error,omitempty"`
	Aborted    bool   `json:"aborted"`
	Response   string `json:"response,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}

func payloadOf(eventType string) interface{} {
	switch eventType {
	case "message.received", "message.sent":
		return &MessageEvent{}
	case "tool.called", "tool.completed", "tool.denied":
		return &ToolEvent{}
	case "session.created", "session.updated":
		return &SessionEvent{}
	case "session.rollover":
		return &SessionRolloverEvent{}
	case "job.executed":
		return &JobEvent{}
	case "agent.end":
		return &AgentEndEvent{}
	}
	return &map[string]interface{}{}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var event Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		payload := payloadOf(event.Type)
		if err := json.Unmarshal(event.Data, payload); err != nil {
			fmt.Println(event.Type, err)
			os.Exit(1)
		}
		text, _ := json.Marshal(payload)
		fmt.Println(event.Type, event.SessionID, event.Timestamp.UTC().Format(time.RFC3339), string(text))
	}
}
