import { randomInt } from "node:crypto";

const CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;

/** With which nodes may join, in kubeadm's form. Secret. */
export function newBootstrapToken(): string {
  return `${word(ID_LENGTH)}.${word(SECRET_LENGTH)}`;
}

function word(length: number): string {
  return Array.from({ length }, () => CHARACTERS[randomInt(CHARACTERS.length)]).join("");
}
