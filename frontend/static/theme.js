// Runs before the first paint: the ground has the chosen colour at once. The page takes over in contexts/theme.rs.
(() => {
  const root = document.documentElement;
  let mode = null;
  try {
    mode = JSON.parse(localStorage.getItem("oriel.theme"));
  } catch {
    // Storage is forbidden or holds something else: as the device says.
  }
  const system = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = mode === "dark" || (mode !== "light" && system);
  const ground = dark ? "#1b1a18" : "#fdfcfa";
  root.dataset.theme = dark ? "dark" : "light";
  root.style.colorScheme = root.dataset.theme;
  root.style.backgroundColor = ground;
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.content = ground;
})();
