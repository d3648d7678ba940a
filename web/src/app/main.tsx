import "@/ui/styles.css";
import "@/i18n";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useTranslation } from "react-i18next";
import { TipProvider } from "@/ui/Tip";
import { ToastProvider } from "@/ui/Toast";
import { configureClient, queries } from "./client";
import { router } from "./router";

configureClient();

function Manta() {
  const { t } = useTranslation();
  return (
    <QueryClientProvider client={queries}>
      <TipProvider delayDuration={250}>
        <ToastProvider closeLabel={t("close")}>
          <RouterProvider router={router} />
        </ToastProvider>
      </TipProvider>
    </QueryClientProvider>
  );
}

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element named root");
createRoot(root).render(
  <StrictMode>
    <Manta />
  </StrictMode>,
);
