/** How the page speaks to the API: one origin, the session's cookie, and its CSRF token with every change. */
import { QueryCache, QueryClient } from "@tanstack/react-query";
import { client } from "@/api/client.gen";
import { sessionQuery } from "@/live/queries";
import { refusedFrom, statusOf } from "@/problem";

const READS = new Set(["GET", "HEAD", "OPTIONS"]);
const SIGNED_OUT = 401;
/** Answers of these kinds will be the same again; only a silence or a failure is worth another try. */
const FINAL_BELOW = 500;

export const queries = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      const asksForSession = query.queryKey[0] === sessionQuery.queryKey[0];
      if (statusOf(error) === SIGNED_OUT && !asksForSession) void queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => {
        const status = statusOf(error);
        return count < 2 && (status === 0 || status >= FINAL_BELOW);
      },
    },
  },
});

export function configureClient(): void {
  client.setConfig({ baseUrl: "", credentials: "same-origin" });
  client.interceptors.request.use((request) => {
    const csrf = queries.getQueryData(sessionQuery.queryKey)?.csrf;
    if (csrf && !READS.has(request.method)) request.headers.set("X-Manta-CSRF", csrf);
    return request;
  });
  client.interceptors.error.use((failure: unknown, response: Response | undefined) => refusedFrom(failure, response));
}
