import {
  ClusterServiceService,
  type LoadImageRequest,
  type LoadImageResponse,
  type LoadImageStart,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition, GantryError, invalidArgument } from "../../common/errors/errors.ts";
import { idOf, parseName } from "../../common/names/resource-names.ts";
import { withFirst } from "../../common/rpc/streams.ts";
import { bidi } from "../../common/rpc/wrappers.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind } from "../kinds.ts";
import { findHostImages, saved } from "../streams/load/host-images.ts";
import { load, type LoadProgress, type LoadTarget } from "../streams/load/load.ts";
import { archiveParts, checkLoadStart, loadStartOf } from "../streams/load/load-request.ts";
import { runningContainer } from "../streams/locate-node.ts";

/** Between two answers that tell of nothing but bytes. */
const PROGRESS_INTERVAL_MS = 250;

export function loadImage({ store, tools, peers }: ClusterServiceContext) {
  return bidi<LoadImageRequest, LoadImageResponse>({
    access: (first) => ({ role: "editor", project: parseName(CLUSTER, loadStartOf(first).name, "start.name").project }),
    target: (first) => loadStartOf(first).name,
    async handler(messages, call, sink) {
      const requests = messages[Symbol.asyncIterator]();
      const first = await requests.next();
      if (first.done) throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
      const start = loadStartOf(first.value);
      const cluster = await store.need(clusterKind, start.name);
      const rest: AsyncIterable<LoadImageRequest> = { [Symbol.asyncIterator]: () => requests };
      const { host } = cluster.meta!;
      if (host !== tools.host) {
        return peers.stream(host, call, ClusterServiceService.loadImage, withFirst(first.value, rest), sink);
      }
      const nodes = checkLoadStart(start, await nodesOf(store, start.name));
      const targets = await targetsOf(nodes, call.signal);
      const archives = await archivesOf(start, rest, call.signal);
      const answer = (progress: LoadProgress, done = false): Promise<void> =>
        sink.write({ bytes: BigInt(progress.bytes), finishedNodes: [...progress.finished], done });
      let told = { atMs: performance.now(), finished: 0 };
      const report = async (progress: LoadProgress): Promise<void> => {
        const now = { atMs: performance.now(), finished: progress.finished.length };
        if (now.finished === told.finished && now.atMs - told.atMs < PROGRESS_INTERVAL_MS) return;
        told = now;
        await answer(progress);
      };
      await answer(await load(targets, archives, report, call.signal), true);
    },
  });

  /** FAILED_PRECONDITION with every node that does not run. */
  async function targetsOf(nodes: readonly Node[], signal: AbortSignal): Promise<LoadTarget[]> {
    const { engine } = tools;
    const looks = await Promise.allSettled(nodes.map((node) => runningContainer(engine, node, signal)));
    const problems: string[] = [];
    const targets = looks.flatMap((look, i): LoadTarget[] => {
      if (look.status === "fulfilled") return [{ engine, id: idOf(nodes[i]!.meta!.name), container: look.value.Id }];
      if (!(look.reason instanceof GantryError)) throw look.reason;
      problems.push(look.reason.message);
      return [];
    });
    if (problems.length > 0) throw failedPrecondition("NODE_NOT_RUNNING", problems.join("; "));
    return targets;
  }

  async function archivesOf(
    { images }: LoadImageStart,
    rest: AsyncIterable<LoadImageRequest>,
    signal: AbortSignal,
  ): Promise<(() => AsyncIterable<Uint8Array>)[]> {
    if (images.length === 0) return [() => archiveParts(rest)];
    const groups = await findHostImages(tools.engine, tools.host, images, signal);
    return groups.map((group) => () => saved(tools.engine, group, signal));
  }
}
