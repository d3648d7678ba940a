/** What the pages ask of the market itself: how its regions stand, prices of years, forecasts. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { marketForecast, marketPrices, marketRegions } from "@/api/sdk.gen";
import type { Region } from "@/api/types.gen";
import { toIso } from "@/time";
import type { Span } from "./queries";

export const regionsQuery = queryOptions({
  queryKey: ["market", "regions"],
  queryFn: async ({ signal }) => (await marketRegions({ signal, throwOnError: true })).data,
  refetchInterval: 15_000,
});

export const forecastQuery = (region: Region) =>
  queryOptions({
    queryKey: ["market", "forecast", region],
    queryFn: async ({ signal }) => (await marketForecast({ query: { region }, signal, throwOnError: true })).data,
    refetchInterval: 30_000,
  });

/** All that is known of a region, as coarse as a picture of all of it may be. */
export const wholeHistoryQuery = (region: Region, points: number) =>
  queryOptions({
    queryKey: ["market", "prices", region, points],
    queryFn: async ({ signal }) => (await marketPrices({ query: { region, points }, signal, throwOnError: true })).data,
    refetchInterval: 60_000,
  });

/** A part of it; what was shown stays until the new part is there. */
export const historyQuery = (region: Region, { from, to }: Span, points: number) =>
  queryOptions({
    queryKey: ["market", "prices", region, points, from, to],
    queryFn: async ({ signal }) =>
      (await marketPrices({ query: { region, start: toIso(from), end: toIso(to), points }, signal, throwOnError: true })).data,
    staleTime: 60_000,
    refetchInterval: 60_000,
    placeholderData: (before, query) => (query?.queryKey[2] === region ? keepPreviousData(before) : undefined),
  });
