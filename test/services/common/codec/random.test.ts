import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  create,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { EVERY, everyTypeCodec } from "./every-type.ts";

const codec = everyTypeCodec();
const { registry } = codec;
const every = registry.getMessage(EVERY)!;
const INTEGER_EDGES = [0n, 1n, -1n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 32n - 1n, 2n ** 53n, 2n ** 53n + 1n];

function integer(min: bigint, max: bigint): fc.Arbitrary<bigint> {
  const edges = [min, max, ...INTEGER_EDGES.filter((edge) => edge >= min && edge <= max)];
  return fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min, max }));
}

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "binary", maxLength: 4 }));
const int32 = integer(-(2n ** 31n), 2n ** 31n - 1n).map(Number);
const uint32 = integer(0n, 2n ** 32n - 1n).map(Number);
const int64 = integer(-(2n ** 63n), 2n ** 63n - 1n);
const uint64 = integer(0n, 2n ** 64n - 1n);

const SCALARS: Record<ScalarType, fc.Arbitrary<unknown>> = {
  [ScalarType.DOUBLE]: fc.double(),
  [ScalarType.FLOAT]: fc.float(),
  [ScalarType.INT64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.INT32]: int32,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.STRING]: text,
  [ScalarType.BYTES]: fc.uint8Array({ maxLength: 9 }),
  [ScalarType.UINT32]: uint32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.SINT32]: int32,
  [ScalarType.SINT64]: int64,
};

const WHOLE = fc.record({ seconds: fc.bigInt({ min: -62135596800n, max: 253402300799n }), nanos: fc.nat(999_999_999) });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const jsonObject = fc.dictionary(
  text,
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      finite,
      text,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(text, tie("value"), { maxKeys: 3 }),
    ),
  })).value,
  { maxKeys: 4 },
);

/** Any message of the type, `depth` levels deep at most. */
function message(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
  return init(desc, depth).map((value) => create(desc, value as never));
}

function init(desc: DescMessage, depth: number): fc.Arbitrary<object> {
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return WHOLE;
    case "google.protobuf.Duration":
      return fc.tuple(WHOLE, fc.boolean()).map(([{ seconds, nanos }, negative]) => {
        const size = seconds < 0n ? -seconds : seconds;
        return negative ? { seconds: -size, nanos: -nanos } : { seconds: size, nanos };
      });
    case "google.protobuf.FieldMask":
      return fc.record({ paths: fc.array(fc.constantFrom("a", "spec.display_name", "x.y_z1", "*"), { maxLength: 3 }) });
    case "google.protobuf.Any":
      return depth === 0
        ? fc.constant({})
        : fc.oneof(
            fc.constant({}),
            ...[EVERY, "google.protobuf.Duration", "google.protobuf.Value", "google.protobuf.Int64Value"].map(
              (name) => {
                const inner = registry.getMessage(name)!;
                return message(inner, depth - 1).map((value) => anyPack(inner, value));
              },
            ),
          );
    case "google.protobuf.Value":
      return fc.oneof(
        finite.map((value) => ({ kind: { case: "numberValue", value } })),
        text.map((value) => ({ kind: { case: "stringValue", value } })),
        fc.constant({ kind: { case: "nullValue", value: 0 } }),
      );
  }
  const plain = desc.fields.filter((field) => field.oneof === undefined && (depth > 0 || field.message === undefined));
  const fields = Object.fromEntries(plain.map((field) => [field.localName, fieldValue(field, depth)]));
  const record = fc.record(fields, { requiredKeys: [] });
  const oneofs = desc.oneofs.map((oneof) => {
    const members = oneof.fields.filter((field) => depth > 0 || field.message === undefined);
    const member = fc.oneof(
      ...members.map((field) => fieldValue(field, depth).map((value) => ({ case: field.localName, value }))),
    );
    return fc.option(
      member.map((value) => ({ [oneof.localName]: value })),
      { nil: {} },
    );
  });
  return fc.tuple(record, ...oneofs).map((parts) => Object.assign({}, ...parts) as object);
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "list":
      return fc.array(single(field, depth), { maxLength: 2 });
    case "map": {
      const key = SCALARS[field.mapKey] as fc.Arbitrary<string>;
      return fc.dictionary(key.map(String), single(field, depth), { maxKeys: 2 });
    }
    default:
      return single(field, depth);
  }
}

function single(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.enum !== undefined) {
    return field.enum.typeName === "google.protobuf.NullValue" ? fc.constant(0) : fc.constantFrom(0, 1, -1, 77);
  }
  if (field.message === undefined) return SCALARS[field.scalar!];
  if (field.message.typeName === "google.protobuf.Struct") return jsonObject;
  const wrapped = field.message.typeName.endsWith("Value") && field.message.fields.length === 1;
  if (wrapped && field.message.fields[0]?.fieldKind === "scalar") {
    const value = SCALARS[field.message.fields[0].scalar];
    return field.fieldKind === "message" && field.oneof === undefined
      ? value
      : value.map((inner) => create(field.message!, { value: inner } as never));
  }
  return message(field.message, depth - 1);
}

test("any message goes to JSON and back unchanged", () => {
  fc.assert(
    fc.property(message(every, 2), (value) => {
      const bytes = toBinary(every, value);
      const json = codec.toJson(EVERY, bytes);
      const back = fromBinary(every, codec.fromJson(EVERY, json));
      assert.deepEqual(toBinary(every, back), bytes, JSON.stringify(json));
      // A JSON text has no -0 in JavaScript.
      if (!JSON.stringify(json, (_, item: unknown) => (Object.is(item, -0) ? "-0" : item)).includes('"-0"')) {
        const fromText = fromBinary(every, codec.fromJsonText(EVERY, JSON.stringify(json)));
        assert.deepEqual(toBinary(every, fromText), bytes, JSON.stringify(json));
      }
    }),
    { numRuns: 200 },
  );
});

const names = fc.constantFrom(
  ...every.fields.flatMap((field) => [field.name, field.jsonName]),
  "@type",
  "value",
  "nope",
  "__proto__",
  "constructor",
  "",
);
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    "",
    "1",
    "-1",
    "1e3",
    "NaN",
    "1s",
    "2026-01-01T00:00:00Z",
    "AQ==",
    "COLOR_RED",
  ),
  fc.constantFrom<unknown>(
    "type.googleapis.com/gantry.test.Every",
    "t/google.protobuf.Any",
    "t/google.protobuf.Struct",
    "a.b,c",
    "\ud800",
  ),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.string({ unit: "binary" }),
);
const anyJson = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5, depthSize: "medium" }, leaf, tie("object"), fc.array(tie("value"), { maxLength: 4 })),
  object: fc.dictionary(fc.oneof(names, fc.string()), tie("value"), { maxKeys: 8 }),
}));

function acceptedOrRefused(run: () => Uint8Array): void {
  let bytes: Uint8Array;
  try {
    bytes = run();
  } catch (error) {
    assert.ok(error instanceof GantryError, String(error));
    assert.equal(error.reason, "INVALID_ARGUMENT", String(error.cause));
    assert.ok(error.violations.length > 0);
    return;
  }
  // What was accepted can be shown, and reads back as it is.
  assert.deepEqual(codec.fromJson(EVERY, codec.toJson(EVERY, bytes)), bytes);
}

test("any JSON value is read or refused with its bad fields", () => {
  fc.assert(
    fc.property(fc.oneof(anyJson.object, anyJson.value), (json) => {
      acceptedOrRefused(() => codec.fromJson(EVERY, json as never));
    }),
    { numRuns: 3000 },
  );
});

test("single fields with any value are read or refused", () => {
  fc.assert(
    fc.property(names, fc.oneof(leaf, anyJson.value), (name, value) => {
      acceptedOrRefused(() => codec.fromJson(EVERY, { [name]: value } as never));
    }),
    { numRuns: 5000 },
  );
});

test("any text is read or refused", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    '"anInt32"',
    '"aValue"',
    "1",
    "12345678901234567890",
    "-",
    "e9",
    "null",
    "\u0000",
    " ",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      acceptedOrRefused(() => codec.fromJsonText(EVERY, parts.join("")));
    }),
    { numRuns: 5000 },
  );
});

test("any bytes are shown or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        codec.toJsonText(EVERY, bytes, { redact: true });
      } catch (error) {
        assert.ok(error instanceof GantryError, String(error));
        assert.equal(error.reason, "UNDECODABLE");
      }
    }),
    { numRuns: 5000 },
  );
});
