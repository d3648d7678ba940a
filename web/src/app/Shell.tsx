import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "@/live/queries";
import { useStream } from "@/live/useStream";
import { statusOf } from "@/problem";
import { BottomBar, SideBar } from "./Navigation";
import { fetchPages } from "./pages";
import { TopBar } from "./TopBar";

/** What surrounds every page while someone is signed in. */
export function Shell() {
  const { t } = useTranslation();
  useStream();
  useSignedOut();
  useEffect(() => void fetchPages(), []);
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#page"
        className="sr-only z-50 rounded-lg bg-accent px-4 py-2 font-medium text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        {t("skip_to_page")}
      </a>
      <TopBar />
      <div className="flex flex-1">
        <SideBar />
        <main id="page" className="min-w-0 flex-1 px-3 pt-4 pb-24 sm:px-6 sm:pt-6 md:pb-10">
          <div className="mx-auto max-w-[84rem]">
            <Outlet />
          </div>
        </main>
      </div>
      <BottomBar />
    </div>
  );
}

/** When the session has ended, everything known is forgotten and the sign-in is shown. */
function useSignedOut(): void {
  const { error } = useQuery(sessionQuery);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const here = useRouterState({ select: ({ location }) => location.href });
  useEffect(() => {
    if (statusOf(error) !== 401) return;
    queries.clear();
    void navigate({ to: "/sign-in", search: { next: here } });
  }, [error, queries, navigate, here]);
}
