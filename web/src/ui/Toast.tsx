import { Toast } from "radix-ui";
import { createContext, type ReactNode, use, useCallback, useMemo, useState } from "react";
import { IconButton } from "./Button";

interface Message {
  readonly id: number;
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

type Say = (text: string, action?: Message["action"]) => void;

const Saying = createContext<Say>(() => undefined);

/** Say briefly that something was done, with a way back where there is one. */
export const useSay = (): Say => use(Saying);

export function ToastProvider({ closeLabel, children }: { readonly closeLabel: string; readonly children: ReactNode }) {
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const say = useCallback<Say>((text, action) => {
    setMessages((before) => [...before.slice(-2), { id: performance.now(), text, ...(action ? { action } : {}) }]);
  }, []);
  const drop = (id: number): void => setMessages((before) => before.filter((message) => message.id !== id));
  const view = useMemo(() => messages, [messages]);
  return (
    <Saying value={say}>
      <Toast.Provider duration={9_000} label={closeLabel}>
        {children}
        {view.map((message) => (
          <Toast.Root
            key={message.id}
            data-testid="toast"
            onOpenChange={(open) => !open && drop(message.id)}
            className="flex animate-rise items-center gap-2 rounded-xl bg-ink py-1.5 pr-1.5 pl-4 text-sm text-canvas shadow-float"
          >
            <Toast.Description className="min-w-0 flex-1 py-1.5">{message.text}</Toast.Description>
            {message.action && (
              <Toast.Action asChild altText={message.action.label}>
                <button
                  type="button"
                  data-testid="toast-action"
                  onClick={message.action.run}
                  className="min-h-9 rounded-lg px-3 font-semibold underline decoration-1 underline-offset-4 hover:opacity-80"
                >
                  {message.action.label}
                </button>
              </Toast.Action>
            )}
            <Toast.Close asChild>
              <IconButton icon="close" label={closeLabel} className="text-canvas hover:bg-transparent hover:text-canvas" />
            </Toast.Close>
          </Toast.Root>
        ))}
        <Toast.Viewport className="fixed inset-x-3 bottom-20 z-50 flex flex-col gap-2 outline-none sm:inset-x-auto sm:right-6 sm:bottom-6 sm:w-96" />
      </Toast.Provider>
    </Saying>
  );
}
