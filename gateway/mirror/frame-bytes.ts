import * as ws from "ws";

interface FrameOptions {
  fin: boolean;
  opcode: number;
  mask: boolean;
  readOnly: boolean;
  rsv1: boolean;
}

/** Public in ws, absent from its published types. */
const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: FrameOptions): Buffer[] } };

const OPCODE_TEXT = 1;

/** A text as one WebSocket frame, as a server sends it: unmasked, whole, uncompressed. Framed once, sent to any number. */
export function frameText(text: string): Buffer {
  const data = Buffer.from(text, "utf8");
  const options = { fin: true, opcode: OPCODE_TEXT, mask: false, readOnly: true, rsv1: false };
  return Buffer.concat(Sender.frame(data, options));
}
