/** Changing rules: each change can be undone, and none overwrites what somebody else changed meanwhile. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { changeRule, createRule, deleteRule } from "@/api/sdk.gen";
import type { Rule, RuleFields } from "@/api/types.gen";
import { rulesQuery } from "@/live/queries";
import { useSay } from "@/ui/Toast";
import { fieldsOf } from "./ruleForm";

const change = async (rule: Rule, fields: RuleFields): Promise<Rule> =>
  (await changeRule({ path: { id: rule.id }, headers: { "If-Match": `"${rule.version}"` }, body: fields, throwOnError: true })).data;

const create = async (vpp: string, fields: RuleFields): Promise<Rule> =>
  (await createRule({ body: { ...fields, vpp_id: vpp }, throwOnError: true })).data;

const remove = async (rule: Rule): Promise<void> => {
  await deleteRule({ path: { id: rule.id }, throwOnError: true });
};

/** Take a change back; where that is no longer possible, say so. */
function useUndo() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const say = useSay();
  return (said: string, back: () => Promise<unknown>): void => {
    const undo = async (): Promise<void> => {
      try {
        await back();
        say(t("rule.undone"));
      } catch {
        say(t("rule.undo_failed"));
      }
      await queries.invalidateQueries({ queryKey: rulesQuery.queryKey });
    };
    say(said, { label: t("undo"), run: () => void undo() });
  };
}

function useRefresh() {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: rulesQuery.queryKey });
}

export function useChangeRule() {
  const { t } = useTranslation();
  const offer = useUndo();
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ rule, fields }: { rule: Rule; fields: RuleFields }) => change(rule, fields),
    onSuccess: (changed, { rule }) => offer(t("rule.saved", { name: changed.name }), () => change(changed, fieldsOf(rule))),
    onSettled: refresh,
  });
}

export function useCreateRule() {
  const { t } = useTranslation();
  const offer = useUndo();
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ vpp, fields }: { vpp: string; fields: RuleFields }) => create(vpp, fields),
    onSuccess: (created) => offer(t("rule.created", { name: created.name }), () => remove(created)),
    onSettled: refresh,
  });
}

export function useDeleteRule() {
  const { t } = useTranslation();
  const offer = useUndo();
  const refresh = useRefresh();
  return useMutation({
    mutationFn: remove,
    onSuccess: (_, rule) => offer(t("rule.deleted", { name: rule.name }), () => create(rule.vpp.id, fieldsOf(rule))),
    onSettled: refresh,
  });
}
