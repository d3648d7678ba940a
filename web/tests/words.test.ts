import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "@/i18n/en.json";
import zh from "@/i18n/zh.json";

type Tree = { readonly [key: string]: string | Tree };

function flatten(tree: Tree, path = ""): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [[`${path}${key}`, value] as const] : [...flatten(value, `${path}${key}.`)],
    ),
  );
}

const english = flatten(en);
const chinese = flatten(zh);
const placeholders = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name ?? "").sort();

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "api" ? [] : sources(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

const code = sources("src").map((path) => ({ path, text: readFileSync(path, "utf8") }));

describe("the words", () => {
  it("exist in both languages", () => {
    expect([...chinese.keys()]).toEqual([...english.keys()]);
  });

  it("take the same figures in both languages", () => {
    for (const [key, text] of english) expect(placeholders(chinese.get(key) ?? ""), key).toEqual(placeholders(text));
  });

  it("are never empty", () => {
    for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe("");
  });

  it("are Chinese in the Chinese file, save for names, units and figures", () => {
    const same = [...english].filter(([key, text]) => chinese.get(key) === text).map(([key]) => key);
    expect(same.filter((key) => /[a-z]{4}/i.test((english.get(key) ?? "").replace(/\{\{\w+\}\}/g, "")))).toEqual(["brand"]);
  });

  it("are all said somewhere", () => {
    const all = code.map(({ text }) => text).join("\n");
    const unsaid = [...english.keys()].filter((key) => {
      const bare = key.replace(/_(one|other)$/, "");
      const group = bare.includes(".") ? bare.slice(0, bare.lastIndexOf(".") + 1) : bare;
      return !all.includes(`"${bare}"`) && !all.includes(`\`${group}\${`);
    });
    expect(unsaid).toEqual([]);
  });

  it("do not stand in the code in Chinese", () => {
    const named = code.filter(({ path, text }) => !/LanguageSwitch|UserMenu/.test(path) && /[\u4e00-\u9fff]/.test(text));
    expect(named.map(({ path }) => path)).toEqual([]);
  });
});
