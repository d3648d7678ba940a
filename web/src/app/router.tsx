/** The pages and their addresses. Everything but the sign-in needs a session. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { sessionQuery } from "@/live/queries";
import { statusOf } from "@/problem";
import { isRegion } from "@/words";
import { queries } from "./client";
import { Broken, Lost } from "./Lost";
import { overviewPage, signInPage, spotPage } from "./pages";
import { Shell } from "./Shell";

const root = createRootRoute({ component: Outlet, notFoundComponent: Lost, errorComponent: Broken });

interface Next {
  readonly next?: string;
}

/** Only an address of our own is gone back to. */
function ownAddress(next: unknown): Next {
  return typeof next === "string" && /^\/(?![/\\])/.test(next) ? { next } : {};
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): Next => ownAddress(search.next),
  component: lazyRouteComponent(signInPage, "SignInPage"),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: async ({ location }) => {
    try {
      await queries.query({ ...sessionQuery, staleTime: "static" });
    } catch (error) {
      if (statusOf(error) === 401) throw redirect({ to: "/sign-in", search: ownAddress(location.href) });
      throw error;
    }
  },
  component: Shell,
});

const overview = createRoute({
  getParentRoute: () => shell,
  path: "/",
  component: lazyRouteComponent(overviewPage, "OverviewPage"),
});

const spot = createRoute({
  getParentRoute: () => shell,
  path: "/spot",
  beforeLoad: () => {
    throw redirect({ to: "/spot/$region", params: { region: "NSW1" } });
  },
});

const spotRegion = createRoute({
  getParentRoute: () => shell,
  path: "/spot/$region",
  beforeLoad: ({ params }) => {
    if (!isRegion(params.region)) throw redirect({ to: "/spot/$region", params: { region: "NSW1" } });
  },
  component: lazyRouteComponent(spotPage, "SpotPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([signIn, shell.addChildren([overview, spot, spotRegion])]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
