import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { StoryName } from "@/api/types.gen";
import { useNow } from "@/live/clock";
import { storiesQuery, useMay, useSession } from "@/live/queries";
import { useLive } from "@/live/store";
import { instant, sayTime } from "@/time";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { sayCountdown } from "@/units";
import { StoryDialog } from "./StoryDialog";

interface Running {
  readonly name: StoryName;
  readonly begins: number;
  readonly ends: number;
}

/** The simulated market can be asked for stories; a live one cannot, and shows nothing here. */
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
  if (!may || !data?.available.length) return null;
  return (
    <>
      <Button icon="play" onClick={() => setAsking(true)} data-testid="story">
        {t("story.play")}
      </Button>
      {asking && <StoryDialog stories={data.available} onClose={() => setAsking(false)} />}
    </>
  );
}

/** The story that runs or is about to, from the request or from the stream. */
function useRunning(): Running | null {
  const { data } = useQuery(storiesQuery);
  const heard = useLive((live) => live.story);
  const now = useNow();
  const candidates = [data?.running, heard].flatMap((story) => {
    const known = data?.available.find(({ name }) => name === story?.name);
    return story && known ? [{ name: known.name, begins: instant(story.begins), ends: instant(story.ends) }] : [];
  });
  return candidates.find(({ ends }) => ends > now) ?? null;
}

function Countdown({ story }: { readonly story: Running }) {
  const { t } = useTranslation();
  const now = useNow();
  const begun = now >= story.begins;
  const left = sayCountdown(((begun ? story.ends : story.begins) - now) / 1_000);
  const name = t(`story.names.${story.name}`);
  return (
    <div
      role="timer"
      data-testid="story-running"
      title={t(`story.fleet.${story.name}`)}
      className={`level-peak flex min-h-10 items-center gap-2.5 rounded-full px-4 text-[0.8125rem] font-medium ${begun ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}
    >
      <Icon name="bolt" className="size-4" />
      <span>
        {t(begun ? "story.running" : "story.coming", { name, begins: sayTime(story.begins), ends: sayTime(story.ends) })}
        <span className="ml-2 font-semibold tabular-nums">{left}</span>
      </span>
    </div>
  );
}
