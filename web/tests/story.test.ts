import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import en from "@/i18n/en.json";
import zh from "@/i18n/zh.json";

interface Description {
  readonly components: { readonly schemas: { readonly StoryName: { readonly enum: readonly string[] } } };
}

const described = JSON.parse(readFileSync("openapi.json", "utf8")) as Description;
const stories = described.components.schemas.StoryName.enum;

describe("the stories", () => {
  it("are those of the simulated market", () => {
    expect(stories).toContain("spike");
    expect(stories.length).toBe(10);
  });

  for (const [language, { story }] of Object.entries({ en, zh })) {
    it(`have a name, what happens and what the fleet does, in ${language}`, () => {
      for (const words of [story.names, story.happens, story.fleet]) expect(Object.keys(words)).toEqual(stories);
    });
  }
});
