/** What jsdom lacks and the page asks for while it loads. */
import { vi } from "vitest";

vi.stubGlobal("matchMedia", (media: string) => ({
  matches: false,
  media,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
}));
