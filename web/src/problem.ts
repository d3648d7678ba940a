/** What the API answers when it cannot do what was asked (RFC 9457), as an error that pages can read. */
import type { FieldError, Problem } from "@/api/types.gen";

export class Refused extends Error {
  readonly status: number;
  readonly detail: string;
  readonly trace: string;
  readonly fields: readonly FieldError[];

  constructor(problem: Partial<Problem>, status: number) {
    super(problem.title ?? "");
    this.name = "Refused";
    this.status = status;
    this.detail = problem.detail ?? "";
    this.trace = problem.trace ?? "";
    this.fields = problem.errors ?? [];
  }
}

/** Turn whatever a request failed with into a Refused; status 0 means that nobody answered. */
export function refusedFrom(failure: unknown, response: Response | undefined): Refused {
  const body = typeof failure === "object" && failure !== null && !(failure instanceof Error) ? failure : {};
  return new Refused(body, response?.status ?? 0);
}

export function statusOf(error: unknown): number {
  return error instanceof Refused ? error.status : 0;
}
