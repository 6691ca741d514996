// Set the reader's last theme before the first paint. Without access to storage, the system's theme applies.
try {
  const theme = localStorage.getItem("msd_ray-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) {
  if (!(error instanceof DOMException)) throw error;
}
document.documentElement.classList.add("scripted");
