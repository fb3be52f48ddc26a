// Before the first paint, so that nobody who chose light is flashed with dark. Not inline: the CSP forbids that.
try {
  const chosen = localStorage.getItem("semsig-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage refused: the system's preference stands.
}
