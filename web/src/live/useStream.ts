/** Open the stream while someone is signed in, and have queries asked again when it says that they are old. */
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { LiveMessage } from "@/api/types.gen";
import { instant } from "@/time";
import { heardAt } from "./clock";
import { perFrame } from "./frame";
import { sessionQuery } from "./queries";
import { type Connection, keepOpen, liveAddress } from "./socket";
import { became, forget, keyOf, show } from "./store";

/** Which queries a message makes old. */
export function outdated(message: LiveMessage): readonly (readonly string[])[] {
  switch (message.kind) {
    case "price":
      return [["spot", message.region]];
    case "dispatch":
      return [["dispatches"], ["dispatch", message.id]];
    case "changed":
      return message.subject === "rules" ? [["rules"]] : [["vpps"], ["overview"]];
    case "story":
      return [["stories"]];
    default:
      return [];
  }
}

function refresh(queries: QueryClient, newest: readonly LiveMessage[]): void {
  for (const message of newest) {
    if (message.kind === "fleet") heardAt(instant(message.at));
    for (const queryKey of outdated(message)) void queries.invalidateQueries({ queryKey: [...queryKey] });
  }
}

/** After a gap everything may be old; the session is asked first, for it may have ended. */
async function catchUp(queries: QueryClient): Promise<void> {
  await queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
  await queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
}

export function useStream(): void {
  const queries = useQueryClient();
  useEffect(() => {
    let lost = false;
    const frames = perFrame(keyOf, (newest: readonly LiveMessage[]) => {
      show(newest);
      refresh(queries, newest);
    });
    const close = keepOpen(liveAddress(window.location), {
      heard: frames.take,
      became: (connection: Connection) => {
        became(connection);
        if (connection === "live" && lost) void catchUp(queries);
        if (connection === "reconnecting" && !lost) void queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
        lost = connection === "reconnecting" || (lost && connection !== "live");
      },
    });
    return () => {
      close();
      frames.stop();
      forget();
    };
  }, [queries]);
}
