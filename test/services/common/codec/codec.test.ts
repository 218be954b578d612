import assert from "node:assert/strict";
import { test } from "node:test";
import { Instance } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { codec, typeNameOf } from "../../../../services/common/codec/codec.ts";
import { CODEC_LIMITS } from "../../../../services/common/codec/limits.ts";
import { parseJsonText } from "../../../../services/common/codec/text.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { EVERY, SECRETS, everyTypeCodec } from "./every-type.ts";

const INSTANCE = "gantry.compute.v1.Instance";
const every = everyTypeCodec();

function violations(run: () => unknown): Record<string, string> {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof GantryError, String(error));
    return Object.fromEntries(error.violations.map((v) => [v.field, v.description]));
  }
  return assert.fail("nothing was thrown");
}

test("what ts-proto encodes is shown, and what is read ts-proto decodes", () => {
  const instance = Instance.fromPartial({
    meta: {
      name: "projects/default/instances/web",
      version: 2n ** 63n,
      labels: { app: "web" },
      createTime: new Date(5),
    },
    spec: { memoryBytes: 9007199254740993n, stopTimeout: { seconds: 10n, nanos: 500_000_000 } },
  });
  const json = codec.toJson(INSTANCE, Instance.encode(instance).finish());
  assert.deepEqual(json, {
    meta: {
      name: "projects/default/instances/web",
      version: "9223372036854775808",
      labels: { app: "web" },
      createTime: "1970-01-01T00:00:00.005Z",
    },
    spec: { memoryBytes: "9007199254740993", stopTimeout: "10.500s" },
  });
  assert.deepEqual(
    Instance.decode(codec.fromJson(INSTANCE, json)),
    Instance.decode(Instance.encode(instance).finish()),
  );
});

test("every bad field at once, by its path in proto names", () => {
  const found = violations(() =>
    codec.fromJson(
      "gantry.compute.v1.CreateInstanceRequest",
      {
        parent: 5,
        instance: {
          meta: { labels: { "a b": 1 } },
          spec: {
            env: { "A-B": 7 },
            memoryBytes: "12MB",
            ports: [{ hostPort: 80 }, { host_port: "x", nope: 1 }],
            power: "ON",
          },
        },
        validateOnly: "yes",
      },
      { path: "body" },
    ),
  );
  assert.deepEqual(Object.keys(found).sort(), [
    'body.instance.meta.labels["a b"]',
    'body.instance.spec.env["A-B"]',
    "body.instance.spec.memory_bytes",
    "body.instance.spec.ports[1].host_port",
    "body.instance.spec.ports[1].nope",
    "body.instance.spec.power",
    "body.parent",
    "body.validate_only",
  ]);
});

test("many bad fields are counted, not all listed", () => {
  const json = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`x${index}`, 1]));
  const found = violations(() => codec.fromJson(INSTANCE, json));
  assert.equal(Object.keys(found).length, 101);
  assert.match(found[""] ?? "", /400 more/);
});

test("redaction leaves out secrets wherever they are", () => {
  const secret = { shown: "s", password: "p", env: { A: "p" }, hidden: { shown: "p" } };
  const json = {
    ...secret,
    inner: secret,
    any: {
      "@type": "type.googleapis.com/gantry.test.Every",
      secrets: secret,
      secretList: [secret],
      secretMap: { a: secret },
    },
  };
  const bytes = every.fromJson(SECRETS, json);
  assert.deepEqual(every.toJson(SECRETS, bytes), json);
  const shown = { shown: "s" };
  assert.deepEqual(every.toJson(SECRETS, bytes, { redact: true }), {
    ...shown,
    inner: shown,
    any: {
      "@type": "type.googleapis.com/gantry.test.Every",
      secrets: shown,
      secretList: [shown],
      secretMap: { a: shown },
    },
  });
  assert.doesNotMatch(every.toJsonText(SECRETS, bytes, { redact: true }), /"p"/);
  const wrapped = every.fromJson("google.protobuf.Any", {
    "@type": "t.c/google.protobuf.Any",
    value: { "@type": "t.c/gantry.test.Secrets", ...secret },
  });
  assert.doesNotMatch(every.toJsonText("google.protobuf.Any", wrapped, { redact: true }), /"p"/);
});

test("an instance's env and user_data are redacted in an operation's response too", () => {
  const type = "google.longrunning.Operation";
  const response = { "@type": `type.googleapis.com/${INSTANCE}`, spec: { image: "i", env: { A: "p" }, userData: "p" } };
  const bytes = codec.fromJson(type, { name: "operations/x", done: true, response });
  assert.deepEqual(codec.toJson(type, bytes, { redact: true }), {
    name: "operations/x",
    done: true,
    response: { "@type": `type.googleapis.com/${INSTANCE}`, spec: { image: "i" } },
  });
});

test("limits", () => {
  const of = (json: never, limits = {}): Record<string, string> =>
    violations(() => every.fromJson(EVERY, json, { limits }));
  assert.match(of({ aString: "é".repeat(3) } as never, { stringBytes: 5 })["a_string"] ?? "", /more than 5 bytes/);
  assert.match(of({ aBytes: "AAAAAAAA" } as never, { bytesFieldBytes: 5 })["a_bytes"] ?? "", /more than 5 bytes/);
  assert.match(
    Object.values(of({ strings: ["a", "b", "c"] } as never, { totalBytes: 20 }))[0] ?? "",
    /20 bytes in all/,
  );
  every.fromJson(EVERY, { aString: "x".repeat(CODEC_LIMITS.stringBytes) });
  assert.match(of({ aString: "x".repeat(CODEC_LIMITS.stringBytes + 1) } as never)["a_string"] ?? "", /more than/);
  assert.match(
    violations(() => parseJsonText(`"${"é".repeat(10)}"`, { limits: { totalBytes: 20 } }))[""] ?? "",
    /20 bytes/,
  );
});

/** `{"<name>": {"<name>": ... 0}}` */
function nest(levels: number, open: string, close: string, inner: string): string {
  return open.repeat(levels) + inner + close.repeat(levels);
}

test("nesting is limited on values and on text, without using up the stack", () => {
  const message = (levels: number): string => nest(levels - 1, '{"anEvery":', "}", "{}");
  const struct = (levels: number): string => `{"aStruct":${nest(levels - 2, '{"a":', "}", "{}")}}`;
  const list = (levels: number): string => `{"aList":${nest(levels - 2, "[", "]", "[]")}}`;
  const any = (levels: number): string =>
    `{"anAny":${nest(levels - 2, '{"@type":"t.c/google.protobuf.Any","value":', "}", "{}")}}`;
  const everyMap = (levels: number): string => nest((levels - 2) / 2, '{"everyMap":{"a":', "}}", '{"stringMap":{}}');
  for (const make of [message, struct, list, any, everyMap]) {
    const bytes = every.fromJsonText(EVERY, make(64));
    every.toJson(EVERY, bytes);
    assert.match(Object.values(violations(() => every.fromJsonText(EVERY, make(66))))[0] ?? "", /deeper than 64/);
    const value: unknown = JSON.parse(make(66));
    assert.match(Object.values(violations(() => every.fromJson(EVERY, value as never)))[0] ?? "", /deeper than 64/);
  }
  for (const text of ["[".repeat(1_000_000), '{"a":'.repeat(500_000), message(200_000)]) {
    assert.match(violations(() => parseJsonText(text))[""] ?? "", /deeper than 64/);
  }
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];
  assert.match(Object.values(violations(() => every.fromJson(EVERY, { aList: deep } as never)))[0] ?? "", /deeper/);
});

test("brackets and repeated keys inside strings mean nothing", () => {
  const text = `{"strings":["${"[{".repeat(100)}","\\"{[\\\\"],"aString":"\\"a\\":1,\\"a\\":2"}`;
  assert.deepEqual(parseJsonText(text), JSON.parse(text));
});

test("large integers are rounded unless they are asked for exactly", () => {
  assert.deepEqual(parseJsonText('{"a":9007199254740993}'), { a: 9007199254740992 });
  assert.deepEqual(parseJsonText('{"a":9007199254740993,"b":1,"c":"12345678901234567890"}', { exactIntegers: true }), {
    a: 9007199254740993n,
    b: 1,
    c: "12345678901234567890",
  });
});

test("bytes that cannot be shown are an error of their own kind", () => {
  const reason = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return error instanceof GantryError ? error.reason : String(error);
    }
    return "none";
  };
  assert.equal(
    reason(() => codec.toJson("no.Such", new Uint8Array())),
    "UNKNOWN_TYPE",
  );
  assert.equal(
    reason(() => codec.fromJson("no.Such", {})),
    "UNKNOWN_TYPE",
  );
  assert.equal(
    reason(() => codec.toJson(INSTANCE, Buffer.from([0x0a, 0x7f]))),
    "UNDECODABLE",
  );
  assert.equal(typeNameOf(`type.googleapis.com/${INSTANCE}`), INSTANCE);
});

test("descriptors are loaded once, without comments", () => {
  assert.equal(codec.registry, codec.registry);
  const file = codec.registry.getMessage(INSTANCE)?.file;
  assert.equal(file?.proto.sourceCodeInfo, undefined);
  assert.ok(codec.registry.getService("gantry.compute.v1.ComputeService"));
});

test("hostile strings are refused in no time", () => {
  const half = "0".repeat(500_000);
  const startMs = performance.now();
  for (const [field, value] of Object.entries({
    anInt32: `1${half}1`,
    anInt64: `1.${half}${half}1`,
    aDouble: `1${half}`,
    aBytes: `${"A".repeat(900_001)}=`,
    aDuration: `${half}s`,
    aTimestamp: `${half}Z`,
    aMask: `${"a.".repeat(400_000)}`,
    anAny: { "@type": `a${"/".repeat(900_000)}` },
    int64Map: { [`1${half}`]: "" },
    aColor: half,
  })) {
    violations(() => every.fromJson(EVERY, { [field]: value } as never));
  }
  violations(() => every.fromJsonText(EVERY, `{"aString":"${"\\".repeat(1_000_001)}`));
  assert.ok(performance.now() - startMs < 2_000);
});

test("a small request cannot make a large answer", () => {
  const inner = `{${Array.from({ length: 200 }, (_, index) => `"bad${index}":1`).join(",")}}`;
  const text = nest(31, `{"everyMap":{"${"k".repeat(90)}":`, "}}", inner);
  try {
    every.fromJsonText(EVERY, text);
  } catch (error) {
    assert.ok(error instanceof GantryError);
    assert.ok(error.message.length < 40_000, `${error.message.length}`);
    return;
  }
  assert.fail("nothing was thrown");
});
