import { Link, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/Button";
import { Manta } from "@/ui/Manta";

/** There is nothing at this address. */
export function Lost() {
  const { t } = useTranslation();
  return (
    <main className="grid min-h-dvh place-items-center p-6 text-center">
      <div>
        <Manta className="mx-auto size-14 text-accent" />
        <h1 className="mt-4 text-xl font-semibold">{t("lost.title")}</h1>
        <p className="mt-1 text-ink-3">{t("lost.remedy")}</p>
        <Link to="/" className="mt-5 inline-block font-medium text-accent underline underline-offset-4">
          {t("lost.home")}
        </Link>
      </div>
    </main>
  );
}

/** The server did not answer before there was a page to say so on. */
export function Broken() {
  const { t } = useTranslation();
  const router = useRouter();
  return (
    <main className="grid min-h-dvh place-items-center p-6 text-center" data-testid="broken">
      <div>
        <Manta className="mx-auto size-14 text-accent" />
        <h1 className="mt-4 text-xl font-semibold">{t("broken.title")}</h1>
        <p className="mx-auto mt-1 max-w-md text-ink-3">{t("broken.remedy")}</p>
        <Button look="primary" className="mt-5" onClick={() => void router.invalidate()}>
          {t("try_again")}
        </Button>
      </div>
    </main>
  );
}
