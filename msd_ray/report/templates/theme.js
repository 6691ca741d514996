// Before anything is drawn: the theme that the reader chose last time. Storage may be closed to files; then the system decides.
try {
  const theme = localStorage.getItem("msd_ray-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) {
  if (!(error instanceof DOMException)) throw error;
}
document.documentElement.classList.add("scripted");
