"use strict";
// The theme's button. No library, no network.
(() => {
  const root = document.documentElement;
  const toggle = document.getElementById("toggle");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";
  const say = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  };
  // A page that was opened from a file may be denied its storage.
  const remembered = (() => { try { return localStorage.getItem("sb3-entropy-theme"); } catch { return null; } })();
  if (remembered === "dark" || remembered === "light") root.dataset.theme = remembered;
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("sb3-entropy-theme", root.dataset.theme); } catch { /* for this visit only */ }
    say();
  });
  prefersDark.addEventListener("change", say);
  say();
})();
