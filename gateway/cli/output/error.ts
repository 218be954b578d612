import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { UsageError } from "../exit-codes.ts";

/** What went wrong and, where one can say so, what to do. */
export function errorText(error: unknown): string {
  if (error instanceof GantryError) {
    if (error.violations.length > 0) {
      return ["the request has bad fields:", ...error.violations.map((v) => `  ${v.field}: ${v.description}`)].join(
        "\n",
      );
    }
    if (error.code === Code.UNAVAILABLE)
      return `${error.message}\nIs the realm running (npm start)? gantry config get-contexts shows where it is looked for.`;
    if (error.code === Code.UNAUTHENTICATED)
      return `${error.message}\nThe context's token is missing, expired or of another realm.`;
    return error.message;
  }
  if (error instanceof UsageError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
