/**
 * Test vectors of others, for one message.
 * @module
 */

/** `webhook-id`. */
export const ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
/** `webhook-timestamp`. */
export const SECONDS = 1_614_265_330;
/** The same as a date. */
export const TIMESTAMP: Date = new Date(SECONDS * 1000);
/** The body. */
export const BODY = '{"test": 2432232314}';

/** From the tests of Standard Webhooks' JavaScript library. */
export const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/** What it signs. */
export const SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

/** From the tests of Standard Webhooks' Go library: only a seed. */
export const SEED = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=";
/** What it signs. */
export const SEED_SIGNATURE =
  "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==";

/** From the tests of the Svix server: seed and public key. */
export const SVIX_SECRET =
  "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
/** Its public half. */
export const SVIX_PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
/** What it signs; also the `v1a` example of the specification. */
export const SVIX_SIGNATURE =
  "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
