import assert from "node:assert/strict";
import { missing, parseJUnit, patternOf, withSecondRun } from "../../tools/junit.ts";
import { test } from "../support/harness.ts";

test("parseJUnit() reads the reports of Deno, Bun, and Node", () => {
  const files = {
    deno:
      `<testcase name="a &quot;b&quot; -&gt; &lt;c&gt;" classname="./tests/support/harness.ts" line="5">
      </testcase><testcase name="d" time="0"><failure message="x">y</failure></testcase>`,
    bun: `<testcase name="a &quot;b&quot; -&gt; &lt;c&gt;" file="a_test.ts" assertions="0" />
      <testcase name="d" file="a_test.ts"><failure type="AssertionError">y</failure></testcase>`,
    node: `<testcase name="a &amp;quot;b&amp;quot; -> &lt;c>" time="0.001" classname="test"/>
      <testcase name="d" failure="1 > 2"><failure type="testCodeFailure">y</failure></testcase>`,
  };
  for (const [runtime, xml] of Object.entries(files)) {
    const expected = {
      names: ['a "b" -> <c>', "d"],
      passed: 1,
      failed: 1,
      skipped: 0,
      failures: [{ name: "d", reason: "y" }],
      flaky: [],
    };
    assert.deepEqual(parseJUnit(xml), expected, runtime);
  }
});

test("parseJUnit() counts a skipped test as neither passed nor failed", () => {
  const { passed, failed, skipped } = parseJUnit(`<testcase name="a"><skipped/></testcase>`);
  assert.deepEqual([passed, failed, skipped], [0, 0, 1]);
});

test("parseJUnit() reads why a test failed from the text or the attribute", () => {
  const reason = (failure: string) =>
    parseJUnit(`<testcase name="a">${failure}</testcase>`).failures[0]?.reason;
  assert.equal(reason(`<failure message="m">1 &lt; 2\n  at a.ts</failure>`), "1 < 2\n  at a.ts");
  assert.equal(reason(`<failure type="E"><![CDATA[text]]></failure>`), "text");
  assert.equal(reason(`<failure type="E" message="1 &gt; 2" />`), "1 > 2");
  assert.equal(reason(`<failure type="E" />`), "");
  assert.equal(reason(`<error message="m"/>`), "m");
});

test("missing() counts names that occur more than once", () => {
  assert.deepEqual(missing(["a", "a", "b"], ["a"]), ["a", "b"]);
  assert.deepEqual(missing(["a", "b"], ["b", "a", "c"]), []);
});

test("a test that passes the second time is flaky, and one that fails or does not run has failed", () => {
  const failed = ["a", "b", "c", "d"].map((name) =>
    `<testcase name="${name}"><failure>y</failure></testcase>`
  );
  const first = parseJUnit(`${failed.join("")}<testcase name="e"/>`);
  const second = withSecondRun(
    first,
    `<testcase name="a"/>${failed[1]}<testcase name="b"/><testcase name="d"><skipped/></testcase>`,
  );
  assert.deepEqual(second.flaky, [{ name: "a", reason: "y" }]);
  assert.deepEqual(second.failures.map(({ name }) => name), ["b", "c", "d"]);
  assert.deepEqual([first.passed, second.passed, second.failed], [1, 2, 3]);
});

test("patternOf() matches the names of failed tests, and no other", () => {
  const names = ["a (b) [c] {d}", "x|y", "\\ ^$ .*+? / 'q' \"r\""];
  const pattern = new RegExp(patternOf(names.map((name) => ({ name, reason: "" }))));
  for (const name of names) assert.ok(pattern.test(name), name);
  for (const name of ["x", "y", "x|y ", " x|y", ""]) assert.ok(!pattern.test(name), name);
});
