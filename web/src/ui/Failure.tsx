import { useTranslation } from "react-i18next";
import { statusOf } from "@/problem";
import { Button } from "./Button";
import { Notice } from "./Notice";

interface FailureProps {
  readonly error: unknown;
  readonly onRetry: () => void;
}

/** A part of the page that could not be fetched: what happened, and what to do. */
export function Failure({ error, onRetry }: FailureProps) {
  const { t } = useTranslation();
  return (
    <Notice
      tone="bad"
      testId="failure"
      title={t(`failure.${kindOf(statusOf(error))}`)}
      action={
        <Button onClick={onRetry} icon="undo">
          {t("try_again")}
        </Button>
      }
    >
      {t(`failure.${kindOf(statusOf(error))}_remedy`)}
    </Notice>
  );
}

export function kindOf(status: number): "unreachable" | "forbidden" | "missing" | "busy" | "down" {
  if (status === 0) return "unreachable";
  if (status === 401 || status === 403) return "forbidden";
  if (status === 404) return "missing";
  return status === 429 ? "busy" : "down";
}
