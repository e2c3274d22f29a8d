// The headers of every kind of answer, and the errors that nginx makes itself.
import { must } from "./chat.mjs";

const EVERYWHERE = ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "x-request-id"];

export async function headers({ address }) {
  const cases = [
    ["/", {}, 200],
    ["/c/some-conversation", {}, 200],
    ["/missing.js", {}, 404],
    ["/config.json", {}, 200],
    ["/api/me", {}, 401],
    ["/api/nothing-here", {}, 404],
    ["/", { method: "POST", body: "x" }, 405],
    ["/healthz", {}, 200],
    ["/readyz", {}, 200],
    ["/metrics", {}, 404],
    ["/api/chat", { method: "POST", body: "x".repeat(3_000_000) }, 413],
    ["/v1/models", {}, 401],
    ["/models", {}, 401],
    ["/models/some/model.with.dots", {}, 401],
    ["/v1/chat/completions", { method: "POST", body: "x".repeat(3_000_000) }, 413],
    ["/chat/completions", { method: "POST" }, 401],
  ];
  for (const [path, options, status] of cases) {
    const answer = await fetch(address + path, { ...options, redirect: "manual" });
    must(answer.status === status, `${path}: status ${answer.status}, not ${status}`);
    for (const name of EVERYWHERE) must(answer.headers.get(name), `${path} (${status}) lacks ${name}`);
    const policy = answer.headers.get("content-security-policy");
    must(policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'"), `${path}: ${policy}`);
    must(!/script-src[^;]*'unsafe-inline'/.test(policy), `${path} allows inline scripts: ${policy}`);
    if (path.startsWith("/api/")) {
      const error = await answer.json();
      must(error.code && error.message && error.request_id, `${path}: not an ApiError: ${JSON.stringify(error)}`);
    }
    if (/^\/(v1\/|models|chat\/completions)/.test(path)) {
      const { error } = await answer.json();
      must(error?.message && error.type === "invalid_request_error", `${path}: not an error of OpenAI's: ${JSON.stringify(error)}`);
    }
    if (path === "/") must(answer.headers.get("cache-control") === "no-cache" || status !== 200, "index.html is cached");
  }
  await precompressed(address);
}

async function precompressed(address) {
  const index = await (await fetch(address)).text();
  const [wasm] = index.match(/\/[\w-]+_bg\.wasm/) ?? [];
  must(wasm, "index.html names no program");
  const answer = await fetch(address + wasm, { headers: { "accept-encoding": "gzip" } });
  must(answer.headers.get("content-type") === "application/wasm", `the program is ${answer.headers.get("content-type")}`);
  must(answer.headers.get("content-encoding") === "gzip", "the program is not compressed");
  must(/immutable/.test(answer.headers.get("cache-control")), "the program may not be kept by browsers");
  await answer.arrayBuffer();
}
