import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { startStory } from "@/api/sdk.gen";
import type { StoryName, StoryOffered } from "@/api/types.gen";
import { storiesQuery } from "@/live/queries";
import { statusOf } from "@/problem";
import { Button } from "@/ui/Button";
import { classes } from "@/ui/classes";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { Notice } from "@/ui/Notice";

/** Why a story may not be started, by status. */
const WHY_NOT: Readonly<Record<number, "story.not_here" | "story.already">> = { 404: "story.not_here", 409: "story.already" };

interface StoryDialogProps {
  readonly stories: readonly StoryOffered[];
  readonly onClose: () => void;
}

/** The stories, what happens in each and what the fleet will do, before any is started. */
export function StoryDialog({ stories, onClose }: StoryDialogProps) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<StoryName | undefined>(stories[0]?.name);
  const start = useMutation({
    mutationFn: async (name: StoryName) => (await startStory({ path: { name }, throwOnError: true })).data,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: storiesQuery.queryKey });
      onClose();
    },
  });
  const begin = (): void => {
    if (chosen) start.mutate(chosen);
  };
  return (
    <Dialog open onClose={onClose} shape="small" title={t("story.title")} about={t("story.about")} closeLabel={t("close")} testId="story-dialog">
      <fieldset className="space-y-1 p-3">
        <legend className="sr-only">{t("story.title")}</legend>
        {stories.map((story) => (
          <Choice key={story.name} story={story} chosen={story.name === chosen} onChoose={setChosen} />
        ))}
      </fieldset>
      <footer className="sticky bottom-0 space-y-3 border-t border-line bg-surface px-5 py-3">
        {start.isError && <Refusal error={start.error} onRetry={begin} />}
        <div className="flex items-center justify-end gap-2">
          <p className="mr-auto text-xs text-pretty text-ink-3">{t("story.begins")}</p>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button look="primary" icon="play" disabled={start.isPending || !chosen} onClick={begin} data-testid="story-start">
            {t("story.start")}
          </Button>
        </div>
      </footer>
    </Dialog>
  );
}

interface ChoiceProps {
  readonly story: StoryOffered;
  readonly chosen: boolean;
  readonly onChoose: (name: StoryName) => void;
}

function Choice({ story: { name, lasts_s }, chosen, onChoose }: ChoiceProps) {
  const { t } = useTranslation();
  return (
    <label
      className={classes(
        "flex cursor-pointer gap-3 rounded-xl border px-3 py-2.5 transition-colors focus-within:ring-2 focus-within:ring-accent/40",
        chosen ? "border-accent bg-accent-soft" : "border-transparent hover:bg-hover",
      )}
    >
      <input
        type="radio"
        name="story"
        value={name}
        checked={chosen}
        onChange={() => onChoose(name)}
        data-testid={`story-${name}`}
        className="mt-1 size-4 shrink-0 accent-accent outline-none"
      />
      <span className="min-w-0 flex-1">
        <span className="flex items-baseline justify-between gap-3">
          <span className="text-sm font-medium">{t(`story.names.${name}`)}</span>
          <span className="text-xs whitespace-nowrap text-ink-3 tabular-nums">{t("time.minutes", { count: lasts_s / 60 })}</span>
        </span>
        <span className="block text-xs text-pretty text-ink-2">{t(`story.happens.${name}`)}</span>
        {chosen && <span className="mt-1.5 block text-xs text-pretty text-ink">{t(`story.fleet.${name}`)}</span>}
      </span>
    </label>
  );
}

function Refusal({ error, onRetry }: { readonly error: Error; readonly onRetry: () => void }) {
  const { t } = useTranslation();
  const why = WHY_NOT[statusOf(error)];
  return why ? <Notice tone="warn" title={t(why)} /> : <Failure error={error} onRetry={onRetry} />;
}
