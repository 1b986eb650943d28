/** The script of every page. Pages that read work without it. */
export const script: string = `"use strict";
// A notice is shown once: reloading the page must not say it again.
const url = new URL(location.href);
if (url.searchParams.has("notice")) {
  url.searchParams.delete("notice");
  history.replaceState(null, "", url);
}
// A form with "data-confirm" asks before it is sent.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
`;
