#!/usr/bin/env node
// Plain JavaScript, so that any Node can start the command; the work is done under the pinned one.
import { ensureReady, handOver } from "../../deploy/local/bootstrap.js";

ensureReady();
handOver("gateway/cli/main.ts", process.argv.slice(2));
