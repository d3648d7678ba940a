import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const UPWARD = { regex: "^\\.\\./", message: "Another folder is imported by its name: @/folder/file." };

/** Forbid a floor of the house to import the floors beside and above it. */
const floor = (files, ...forbidden) => ({
  files: [`src/${files}/**/*.{ts,tsx}`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          UPWARD,
          { regex: `^@/(${forbidden.join("|")})(/|$)`, message: "app → features → charts | live | ui → api, units." },
        ],
      },
    ],
  },
});

const TEXT = "[A-Za-z\\u4e00-\\u9fff]{2,}";

export default tseslint.config(
  { ignores: ["src/api/**", "node_modules/**", "coverage/**"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  hooks.configs.flat["recommended-latest"],
  {
    files: ["**/*.{ts,tsx}"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/only-throw-error": ["error", { allow: [{ from: "package", package: "@tanstack/router-core", name: "Redirect" }] }],
      "no-restricted-globals": ["error", { name: "alert", message: "Use a dialog." }],
      "no-restricted-syntax": [
        "error",
        { selector: `JSXText[value=/${TEXT}/]`, message: "Words live in i18n/en.json and zh.json." },
        {
          selector: `JSXAttribute[name.name=/^(aria-label|title|placeholder|alt|label|hint)$/] > Literal[value=/${TEXT}/]`,
          message: "Words live in i18n/en.json and zh.json.",
        },
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Names are text, never HTML." },
      ],
    },
  },
  { files: ["*.js", "public/*.js"], ...tseslint.configs.disableTypeChecked },
  { files: ["public/*.js"], languageOptions: { globals: { document: false, localStorage: false, matchMedia: false } } },
  floor("ui", "app", "features", "charts", "live", "api", "units", "words", "time"),
  floor("charts", "app", "features", "live", "ui"),
  floor("live", "app", "features", "charts", "ui"),
  floor("features/overview", "app", "features"),
  floor("features/signin", "app", "features"),
  floor("features/spot", "app", "features"),
);
