/** What pages ask the API for, by name; the stream tells when to ask again. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import {
  earnings, listDispatches, listRules, listVpps, overview, overviewPower, readDispatch, readSession, siteLedger, spot, stories,
} from "@/api/sdk.gen";
import type { Region, Role, Session } from "@/api/types.gen";
import { instant, toIso } from "@/time";
import { setWorld } from "./clock";

const ROLES: readonly Role[] = ["viewer", "operator", "trader", "admin"];

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    const { data } = await readSession({ signal, throwOnError: true });
    setWorld(instant(data.world.now), data.world.speed);
    return data;
  },
  staleTime: Infinity,
  retry: false,
});

export function useSession(): Session | undefined {
  return useQuery(sessionQuery).data;
}

/** Whether whoever is signed in may do what takes at least this role. */
export function useMay(least: Role): boolean {
  const session = useSession();
  return session !== undefined && ROLES.indexOf(session.user.role) >= ROLES.indexOf(least);
}

export const overviewQuery = queryOptions({
  queryKey: ["overview"],
  queryFn: async ({ signal }) => (await overview({ signal, throwOnError: true })).data,
});

export const powerQuery = (hours: number) =>
  queryOptions({
    queryKey: ["power", hours],
    queryFn: async ({ signal }) => (await overviewPower({ query: { hours }, signal, throwOnError: true })).data,
    refetchInterval: 60_000,
  });

export const spotQuery = (region: Region, hours: number) =>
  queryOptions({
    queryKey: ["spot", region, hours],
    queryFn: async ({ signal }) => (await spot({ path: { region }, query: { hours }, signal, throwOnError: true })).data,
    refetchInterval: 60_000,
  });

export const dispatchesQuery = (region: Region | null, limit: number) =>
  queryOptions({
    queryKey: ["dispatches", region, limit],
    queryFn: async ({ signal }) =>
      (await listDispatches({ query: { region: region ?? undefined, limit }, signal, throwOnError: true })).data,
    refetchInterval: 20_000,
  });

export const dispatchQuery = (id: string) =>
  queryOptions({
    queryKey: ["dispatch", id],
    queryFn: async ({ signal }) => (await readDispatch({ path: { id }, signal, throwOnError: true })).data,
  });

export const rulesQuery = queryOptions({
  queryKey: ["rules"],
  queryFn: async ({ signal }) => (await listRules({ signal, throwOnError: true })).data,
});

export const vppsQuery = queryOptions({
  queryKey: ["vpps"],
  queryFn: async ({ signal }) => (await listVpps({ signal, throwOnError: true })).data,
});

export const storiesQuery = queryOptions({
  queryKey: ["stories"],
  queryFn: async ({ signal }) => (await stories({ signal, throwOnError: true })).data,
});

/** A time, half-open, in milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const bounds = ({ from, to }: Span) => ({ from: toIso(from), to: toIso(to) });

export const earningsQuery = (region: Region, span: Span) =>
  queryOptions({
    queryKey: ["earnings", region, span.from, span.to],
    queryFn: async ({ signal }) =>
      (await earnings({ query: { ...bounds(span), region }, signal, throwOnError: true })).data,
    refetchInterval: 20_000,
    // Only a time that has grown may show what it had; another time's figures are not this one's.
    placeholderData: (before, query) => (query?.queryKey[2] === span.from ? before : undefined),
  });

export const ledgerQuery = (site: string, span: Span) =>
  queryOptions({
    queryKey: ["ledger", site, span.from, span.to],
    queryFn: async ({ signal }) =>
      (await siteLedger({ path: { id: site }, query: bounds(span), signal, throwOnError: true })).data,
  });
