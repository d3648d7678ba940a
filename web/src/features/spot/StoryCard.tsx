import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { startSpike } from "@/api/sdk.gen";
import { useNow } from "@/live/clock";
import { storiesQuery, useMay, useSession } from "@/live/queries";
import { useLive } from "@/live/store";
import { statusOf } from "@/problem";
import { instant, sayTime } from "@/time";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { Icon } from "@/ui/Icon";
import { Notice } from "@/ui/Notice";
import { sayCountdown } from "@/units";

interface Running {
  readonly begins: number;
  readonly ends: number;
}

/** The simulated market can be asked for a price spike; a live one cannot, and shows nothing here. */
export function StoryCard() {
  const simulated = useSession()?.world.kind === "simulate";
  return simulated ? <SimulatedStory /> : null;
}

function SimulatedStory() {
  const { t } = useTranslation();
  const may = useMay("operator");
  const [asking, setAsking] = useState(false);
  const { data } = useQuery(storiesQuery);
  const running = useRunning();
  if (running) return <Countdown story={running} />;
  if (!may || !data?.available.includes("spike")) return null;
  return (
    <>
      <Button icon="play" onClick={() => setAsking(true)} data-testid="story">
        {t("story.play")}
      </Button>
      {asking && <StoryDialog onClose={() => setAsking(false)} />}
    </>
  );
}

/** The story that runs or is about to, from the request or from the stream. */
function useRunning(): Running | null {
  const { data } = useQuery(storiesQuery);
  const heard = useLive((live) => live.story);
  const now = useNow();
  const candidates = [data?.running, heard].flatMap((story) => (story ? [{ begins: instant(story.begins), ends: instant(story.ends) }] : []));
  return candidates.find(({ ends }) => ends > now) ?? null;
}

function Countdown({ story }: { readonly story: Running }) {
  const { t } = useTranslation();
  const now = useNow();
  const begun = now >= story.begins;
  const left = sayCountdown(((begun ? story.ends : story.begins) - now) / 1_000);
  return (
    <div
      role="timer"
      data-testid="story-running"
      className={`level-peak flex min-h-10 items-center gap-2.5 rounded-full px-4 text-[0.8125rem] font-medium ${begun ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}
    >
      <Icon name="bolt" className="size-4" />
      <span>
        {t(begun ? "story.running" : "story.coming", { begins: sayTime(story.begins), ends: sayTime(story.ends) })}
        <span className="ml-2 font-semibold tabular-nums">{left}</span>
      </span>
    </div>
  );
}

/** Why a story may not be started, by status. */
const WHY_NOT: Readonly<Record<number, "story.not_here" | "story.already">> = { 404: "story.not_here", 409: "story.already" };

function StoryDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const start = useMutation({
    mutationFn: async () => (await startSpike({ throwOnError: true })).data,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: storiesQuery.queryKey });
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} shape="small" title={t("story.title")} closeLabel={t("close")} testId="story-dialog">
      <div className="space-y-4 p-5">
        <p className="text-pretty text-ink-2">{t("story.about")}</p>
        <ol className="space-y-2 text-[0.8125rem] text-ink-2">
          {(["first", "then", "last"] as const).map((step, index) => (
            <li key={step} className="flex gap-3">
              <span className="grid size-5.5 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent">{index + 1}</span>
              <span className="text-pretty">{t(`story.${step}`)}</span>
            </li>
          ))}
        </ol>
        {start.isError && <Refusal error={start.error} onRetry={() => start.mutate()} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button look="primary" icon="play" disabled={start.isPending} onClick={() => start.mutate()} data-testid="story-start">
            {t("story.start")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Refusal({ error, onRetry }: { readonly error: Error; readonly onRetry: () => void }) {
  const { t } = useTranslation();
  const why = WHY_NOT[statusOf(error)];
  return why ? <Notice tone="warn" title={t(why)} /> : <Failure error={error} onRetry={onRetry} />;
}
