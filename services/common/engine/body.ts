import type { Readable } from "node:stream";
import { GantryError } from "../errors/errors.ts";
import { EngineError, engineGone } from "./errors.ts";
import { status as Code } from "@grpc/grpc-js";

/** Largest JSON answer read: a list of some 50,000 containers. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Reads an answer to its end. INTERNAL ENGINE_ANSWER_TOO_LARGE above the limit; UNAVAILABLE when it is cut off. */
export async function readBytes(answer: Readable, bytesMax = ANSWER_BYTES_MAX): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      size += (chunk as Buffer).length;
      if (size > bytesMax) {
        throw new EngineError(
          Code.INTERNAL,
          0,
          "ENGINE_ANSWER_TOO_LARGE",
          `engine: answer is larger than ${bytesMax} bytes`,
        );
      }
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw engineGone("reading the answer", error);
  }
  return Buffer.concat(chunks, size);
}

export async function readText(answer: Readable, bytesMax?: number): Promise<string> {
  return (await readBytes(answer, bytesMax)).toString("utf8");
}

/** Undefined for an empty answer. */
export async function readJson(answer: Readable): Promise<unknown> {
  const text = await readText(answer);
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError(Code.INTERNAL, 0, "ENGINE_ANSWER_NOT_JSON", "engine: the answer is not JSON", cause);
  }
}
