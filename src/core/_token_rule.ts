/** A bearer token that every client can send (RFC 6750, section 2.1: `b64token`), of a length that is ours. */
export const TOKEN: RegExp = /^(?=.{16,512}$)[A-Za-z0-9._~+/-]+=*$/u;

/** What `TOKEN` holds, for messages. */
export const TOKEN_RULE = "16 to 512 characters of [A-Za-z0-9._~+/-], with = at the end only";
