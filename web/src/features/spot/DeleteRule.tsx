import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types.gen";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { useDeleteRule } from "./useRules";

export function DeleteRule({ rule, onClose }: { readonly rule: Rule; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const deletion = useDeleteRule();
  const go = (): void => deletion.mutate(rule, { onSuccess: onClose });
  return (
    <Dialog open onClose={onClose} shape="small" title={t("rule.delete_title", { name: rule.name })} about={t("rule.delete_about", { vpp: rule.vpp.name })} closeLabel={t("close")} testId="delete-rule">
      <div className="space-y-4 p-5">
        {deletion.isError && <Failure error={deletion.error} onRetry={go} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button look="danger" icon="trash" onClick={go} disabled={deletion.isPending} data-testid="rule-delete-confirm">
            {t("rule.delete_confirm")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
