import assert from "node:assert/strict";
import {
  addressGuardCapabilities,
  AddressNotAllowedError,
  type AddressResolver,
  createAddressGuard,
  denyNetFlag,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";

const PUBLIC = "93.184.215.14";

/** A resolver that returns these results in order. */
function resolvingTo(...lists: readonly (readonly string[])[]): AddressResolver {
  const queue = [...lists];
  return () => Promise.resolve(queue.shift() ?? []);
}

/** The error with which a check ends. */
async function rejected(check: Promise<void>): Promise<AddressNotAllowedError> {
  const error = await check.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof AddressNotAllowedError, String(error));
  return error;
}

test("check() lets a public address and a name with public addresses through", async () => {
  const guard = createAddressGuard({ resolve: resolvingTo([PUBLIC, "2606:2800:21f:cb07::1"]) });
  await guard.check(`https://${PUBLIC}:8443/path?query`);
  await guard.check(new URL("https://[2606:2800:21f:cb07::1]/"));
  await guard.check("https://receiver.example/");
});

test("check() names the range that blocks an address and how to allow it", async () => {
  const guard = createAddressGuard({ resolve: resolvingTo(["10.1.2.3"]) });
  const error = await rejected(guard.check("https://receiver.example/"));
  assert.equal(error.name, "AddressNotAllowedError");
  assert.equal(error.code, "address_not_allowed");
  assert.equal(
    error.message,
    "Cannot send to 'receiver.example': its address 10.1.2.3 is in 10.0.0.0/8 (private). " +
      'Allow it with allowAddresses: ["10.1.2.3"], or a range that contains it',
  );
});

test("check() rejects every scheme but https, even for an allowed address", async () => {
  const guard = createAddressGuard({ allowAddresses: ["0.0.0.0/0"] });
  for (const scheme of ["http", "ftp", "ws", "wss", "file", "blob:https", "gopher"]) {
    const error = await rejected(guard.check(`${scheme}://${PUBLIC}/`));
    assert.match(error.message, /its URL must use https$/);
  }
  await rejected(guard.check("data:text/plain,x"));
});

test("check() rejects a URL with a user, a password or both", async () => {
  const guard = createAddressGuard({ resolve: () => Promise.resolve([PUBLIC]) });
  for (const credentials of ["user", "user:", "user:password", ":password", "%20", "a@b"]) {
    const error = await rejected(guard.check(`https://${credentials}@receiver.example/`));
    assert.match(error.message, /its URL has credentials\. Send them in a header instead$/);
  }
});

test("check() never repeats the credentials, the path or the query of a URL", async () => {
  const guard = createAddressGuard({ resolve: () => Promise.reject(new Error("down")) });
  const urls = ["https://user:hunter2@receiver.example/", "https://user@receiver.example/"]
    .concat("https://:hunter2@receiver.example/", "http://user:hunter2@10.0.0.1/s3cret?t0ken#fr4g")
    .concat("https://10.0.0.1/s3cret?t0ken#fr4g", "https://receiver.example/s3cret?t0ken#fr4g")
    .concat(
      "https://user:hunter2@[::1/",
      "user:hunter2/s3cret",
      "s3cret?t0ken",
      "https://user:hunter2@",
    );
  for (const url of urls) {
    const { message, stack, cause } = await rejected(guard.check(url));
    const said = `${message} ${stack} ${cause}`.replaceAll(import.meta.url, "");
    assert.doesNotMatch(said, /hunter2|user@|user:|s3cret|t0ken|fr4g/, url);
  }
});

test("check() rejects localhost and the names below it without calling the resolver", async () => {
  const guard = createAddressGuard({ resolve: () => assert.fail("was asked") });
  const hosts = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost..",
    "api.localhost",
    "a.b.LocalHost.",
  ]
    .concat(
      "%6cocalhost",
      "ｌｏｃａｌｈｏｓｔ",
      "ⓛocalhost",
      "localhost:8443",
      "local\thost",
      "localhost。",
    );
  for (const host of hosts) {
    const error = await rejected(guard.check(`https://${host}/`));
    assert.match(error.message, /this machine\. Allow it with allowAddresses: \["127/, host);
  }
});

test("check() asks the resolver for names that only look like localhost", async () => {
  const guard = createAddressGuard({ resolve: () => Promise.resolve([PUBLIC]) });
  for (const host of ["notlocalhost", "localhost.example", "localhost-a"]) {
    await guard.check(`https://${host}/`);
  }
});

test("check() judges every address of localhost once loopback is allowed", async () => {
  const resolve = () => Promise.resolve(["127.0.0.1", "::1"]);
  await createAddressGuard({ resolve, allowAddresses: ["127.0.0.0/8", "::1"] }).check(
    "https://localhost/",
  );
  const error = await rejected(
    createAddressGuard({ resolve, allowAddresses: ["127.0.0.1"] }).check("https://localhost/"),
  );
  assert.match(error.message, /its address ::1 is in ::1\/128 \(loopback\)/);
});

test("check() rejects a name if any of its addresses is blocked, at any position", async () => {
  const others = [PUBLIC, "8.8.8.8", "2606:4700::1111"];
  for (const bad of ["127.0.0.1", "fe80::1", "::ffff:8.8.8.8"]) {
    for (let at = 0; at <= others.length; at++) {
      const guard = createAddressGuard({ resolve: resolvingTo(others.toSpliced(at, 0, bad)) });
      assert.match(
        (await rejected(guard.check("https://receiver.example/"))).message,
        new RegExp(`address ${bad} `),
      );
    }
  }
});

test("check() rejects a name without an address, and a resolver result that is not an address", async () => {
  const none = await rejected(
    createAddressGuard({ resolve: resolvingTo([]) }).check("https://receiver.example/"),
  );
  assert.match(none.message, /its name has no address$/);
  for (const address of ["", "receiver.example", "127.1", "fe80::1%eth0", "[::1]", "2130706433"]) {
    const guard = createAddressGuard({ resolve: resolvingTo([PUBLIC, address]) });
    assert.match(
      (await rejected(guard.check("https://receiver.example/"))).message,
      /is not an IP address$/,
    );
  }
});

test("check() resolves a name each time, so that a name that changes its address is rejected", async () => {
  const guard = createAddressGuard({
    resolve: resolvingTo([PUBLIC], ["169.254.169.254"], [PUBLIC]),
  });
  await guard.check("https://rebind.example/");
  assert.match((await rejected(guard.check("https://rebind.example/"))).message, /cloud metadata/);
  await guard.check("https://rebind.example/");
});

test("check() hands the resolver the name as fetch will see it", async () => {
  const asked: string[] = [];
  const guard = createAddressGuard({
    resolve: (name) => (asked.push(name), Promise.resolve([PUBLIC])),
  });
  for (const host of ["Receiver.Example.", "b%C3%BCcher.example:8443"]) {
    await guard.check(`https://${host}/`);
  }
  assert.deepEqual(asked, ["receiver.example.", "xn--bcher-kva.example"]);
});

test("check() distinguishes a resolver that failed from a blocked address, and keeps the cause", async () => {
  const cause = new Error("SERVFAIL");
  const failures: AddressResolver[] = [() => Promise.reject(cause), () => {
    throw cause;
  }];
  for (const resolve of failures) {
    const error = await rejected(
      createAddressGuard({ resolve }).check("https://receiver.example/"),
    );
    assert.equal(error.code, "address_unresolved");
    assert.equal(
      error.message,
      "Cannot send to 'receiver.example': its name could not be resolved",
    );
    assert.equal(error.cause, cause);
  }
});

test("check() gives up on the resolver when the signal aborts", async () => {
  const controller = new AbortController();
  const guard = createAddressGuard({ resolve: () => new Promise(() => {}) });
  const check = guard.check("https://receiver.example/", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(check, /^Error: enough$/);
  await assert.rejects(
    guard.check("https://10.0.0.1/", { signal: controller.signal }),
    /^Error: enough$/,
  );
});

test("check() ignores a signal that does not abort", async () => {
  const { signal } = new AbortController();
  await createAddressGuard({ resolve: resolvingTo([PUBLIC]) }).check("https://receiver.example/", {
    signal,
  });
});

test("allowAddresses allows exactly the addresses that it lists", async () => {
  const guard = createAddressGuard({
    allowAddresses: ["10.1.0.0/16", "192.168.0.7", "fd12:3456::/32"],
  });
  for (const host of ["10.1.0.0", "10.1.255.255", "192.168.0.7", "[fd12:3456::1]"]) {
    await guard.check(`https://${host}/`);
  }
  const outside = [
    "10.0.255.255",
    "10.2.0.0",
    "192.168.0.6",
    "192.168.0.8",
    "[fd12:3457::1]",
    "[::ffff:10.1.0.1]",
  ];
  for (const host of outside) await rejected(guard.check(`https://${host}/`));
});

test("following the advice of the error allows the address", async () => {
  for (
    const host of [
      "127.0.0.1",
      "[::1]",
      "[::ffff:10.0.0.1]",
      "169.254.169.254",
      "[fe80::1]",
      "224.0.0.1",
    ]
  ) {
    const { message } = await rejected(createAddressGuard().check(`https://${host}/`));
    const allowAddresses: string[] = JSON.parse(
      /allowAddresses: (\[.*?\])/.exec(message)?.[1] ?? "",
    );
    await createAddressGuard({ allowAddresses }).check(`https://${host}/`);
  }
});

test("createAddressGuard() rejects an invalid allow list", () => {
  for (
    const text of [
      "",
      "10.0.0.0/33",
      "10.0.0.5/8",
      "localhost",
      "10.*",
      "10.0.0.0-10.0.0.9",
      "0x7f.1",
    ]
  ) {
    assert.throws(() => createAddressGuard({ allowAddresses: ["::1", text] }), {
      name: "TypeError",
      message:
        "Cannot create an address guard: 'allowAddresses' must contain IP addresses or CIDR ranges " +
        `without bits set after the prefix, got ${JSON.stringify(text)}`,
    });
  }
});

test("capabilities promise nothing that the runtime does not keep", () => {
  const { runtime, resolves, pinned } = addressGuardCapabilities();
  assert.equal(runtime, "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node");
  assert.deepEqual({ resolves, pinned }, { resolves: true, pinned: false });
  assert.deepEqual(createAddressGuard().capabilities, addressGuardCapabilities());
  assert.equal(createAddressGuard({ resolve: resolvingTo() }).capabilities.resolves, true);
});

test("check() uses the system's resolver by default", async () => {
  await createAddressGuard({ allowAddresses: ["127.0.0.0/8", "::1"] }).check("https://localhost/");
});

test("denyNetFlag() names every IPv4 range and the single IPv6 addresses", () => {
  const hosts = denyNetFlag().replace(/^--deny-net=/, "").split(",");
  for (const host of ["127.0.0.0/8", "10.0.0.0/8", "169.254.0.0/16", "[::1]", "[::]"]) {
    assert.ok(hosts.includes(host), host);
  }
  assert.ok(hosts.every((host) => /^(?:[0-9.]+\/\d+|\[[0-9a-f:]+\])$/.test(host)));
});
