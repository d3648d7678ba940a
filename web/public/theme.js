// Runs before the first paint, so that a dark room stays dark. src/theme.ts takes over from here.
(() => {
  let wanted = "system";
  try {
    wanted = localStorage.getItem("manta.theme") ?? "system";
  } catch {
    // Storage may be refused; then the system's theme is used.
  }
  const dark = wanted === "dark" || (wanted !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
