# Both Workers on this machine: inline at 8787, durable at 8788; a request to 8789 is a run of cron.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "inline", worker = .inline),
    (name = "durable", worker = .durable),
    (name = "cron", worker = .cron),
    (name = "anywhere", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [
    (name = "inline", address = "127.0.0.1:8787", http = (), service = "inline"),
    (name = "durable", address = "127.0.0.1:8788", http = (), service = "durable"),
    (name = "cron", address = "127.0.0.1:8789", http = (), service = "cron"),
  ],
);

const inline :Workerd.Worker = (
  modules = [(name = "inline.js", esModule = embed "dist/inline.js")],
  compatibilityDate = "2025-01-01",
  bindings = [
    (name = "HOOKS_TOKEN", fromEnvironment = "HOOKS_TOKEN"),
    (name = "HOOKS_SECRET", fromEnvironment = "HOOKS_SECRET"),
    (name = "AUDIT_URL", fromEnvironment = "AUDIT_URL"),
  ],
  globalOutbound = "anywhere",
);

const durable :Workerd.Worker = (
  modules = [(name = "durable.js", esModule = embed "dist/durable.js")],
  compatibilityDate = "2025-01-01",
  bindings = [
    (name = "HOOKS_TOKEN", fromEnvironment = "HOOKS_TOKEN"),
    (name = "HOOKS_SECRET", fromEnvironment = "HOOKS_SECRET"),
    (name = "AUDIT_URL", fromEnvironment = "AUDIT_URL"),
    (name = "KV_URL", fromEnvironment = "KV_URL"),
    (name = "KV_TOKEN", fromEnvironment = "KV_TOKEN"),
  ],
  globalOutbound = "anywhere",
);

const cron :Workerd.Worker = (
  modules = [(name = "cron.js", esModule =
    "export default {\n  async fetch(_request, { DURABLE }) {\n    return Response.json(await DURABLE.scheduled({ cron: '* * * * *' }));\n  },\n};\n"
  )],
  compatibilityDate = "2025-01-01",
  compatibilityFlags = ["service_binding_extra_handlers"],
  bindings = [(name = "DURABLE", service = "durable")],
);
