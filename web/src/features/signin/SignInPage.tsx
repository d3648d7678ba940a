import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { signIn } from "@/api/sdk.gen";
import { LanguageSwitch } from "@/ui/LanguageSwitch";
import { setWorld } from "@/live/clock";
import { sessionQuery } from "@/live/queries";
import { statusOf } from "@/problem";
import { chooseTheme, type Theme, useTheme } from "@/theme";
import { instant } from "@/time";
import { Button } from "@/ui/Button";
import { Field } from "@/ui/Field";
import { Manta } from "@/ui/Manta";
import { Notice } from "@/ui/Notice";
import { Segmented } from "@/ui/Segmented";
import { Sea } from "./Sea";

export function SignInPage() {
  const { t } = useTranslation();
  return (
    <main className="grid min-h-dvh grid-rows-[auto_1fr] bg-surface lg:grid-cols-[1.15fr_1fr] lg:grid-rows-1">
      <section className="surface-sea relative isolate overflow-hidden px-6 pt-8 pb-10 sm:px-12 lg:flex lg:flex-col lg:justify-between lg:p-14">
        <Sea />
        <p className="flex items-center gap-3 text-lg font-semibold tracking-tight">
          <Manta className="size-9" />
          {t("brand")}
        </p>
        <div className="mt-8 lg:mt-0">
          <h1 className="max-w-xl text-[1.75rem] leading-tight font-semibold tracking-tight text-balance sm:text-4xl lg:text-5xl lg:leading-[1.1]">
            {t("slogan")}
          </h1>
          <p className="mt-4 max-w-md text-[0.9375rem] text-pretty text-white/75 max-sm:hidden">{t("signin.promise")}</p>
        </div>
      </section>
      <section className="flex flex-col px-6 py-8 sm:px-12">
        <div className="flex flex-wrap justify-end gap-3">
          <ThemeSwitch />
          <LanguageSwitch />
        </div>
        <div className="flex flex-1 items-start justify-center pt-10 lg:items-center lg:pt-0">
          <SignInForm />
        </div>
      </section>
    </main>
  );
}

const route = getRouteApi("/sign-in");

function SignInForm() {
  const { t } = useTranslation();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const enter = useSignIn();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    enter.mutate({ email: email.trim(), password });
  };
  return (
    <form onSubmit={submit} className="w-full max-w-sm space-y-4" data-testid="sign-in">
      <h2 className="mb-6 text-2xl font-semibold tracking-tight">{t("signin.title")}</h2>
      {enter.isError && <SignInProblem error={enter.error} />}
      <Field label={t("signin.email")} name="email" type="email" inputMode="email" autoComplete="username" required autoFocus maxLength={254} value={email} onChange={setEmail} />
      <Field label={t("signin.password")} name="password" type="password" autoComplete="current-password" required maxLength={128} value={password} onChange={setPassword} />
      <Button look="primary" type="submit" className="min-h-11 w-full" disabled={enter.isPending} data-testid="sign-in-submit">
        {t(enter.isPending ? "signin.pending" : "signin.submit")}
      </Button>
    </form>
  );
}

function useSignIn() {
  const queries = useQueryClient();
  const router = useRouter();
  const { next } = route.useSearch();
  return useMutation({
    mutationFn: async (body: { email: string; password: string }) => (await signIn({ body, throwOnError: true })).data,
    onSuccess: async (session) => {
      setWorld(instant(session.world.now), session.world.speed);
      queries.setQueryData(sessionQuery.queryKey, session);
      router.history.push(next ?? "/");
      await Promise.resolve();
    },
  });
}

/** Why it did not work, and what to do about it. */
function SignInProblem({ error }: { readonly error: Error }) {
  const { t } = useTranslation();
  const kind = KINDS[statusOf(error)] ?? "failed";
  return (
    <Notice tone="bad" title={t(`signin.${kind}`)} testId="sign-in-error">
      {t(`signin.${kind}_remedy`)}
    </Notice>
  );
}

const KINDS: Readonly<Record<number, "refused" | "too_many" | "unreachable">> = {
  0: "unreachable",
  401: "refused",
  422: "refused",
  429: "too_many",
};

function ThemeSwitch() {
  const { t } = useTranslation();
  const theme = useTheme();
  const options = (["system", "light", "dark"] as const satisfies readonly Theme[]).map((value) => ({ value, label: t(`theme.${value}`) }));
  return <Segmented label={t("theme.label")} value={theme} options={options} onChange={chooseTheme} testId="theme" />;
}
