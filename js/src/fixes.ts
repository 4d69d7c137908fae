/** What a diagnosis opens: its differential with the evidence, and the fixes as code to copy or insert. */

import { chevron, element, icon } from "./dom";
import { fill, type Cause, type CauseStatus, type Diagnosis, type Evidence, type Prescription, type Words } from "./model";

const STATUS_ICONS: Record<CauseStatus, string> = {
  confirmed: "M3 8.5l3.2 3.2L13 4.8",
  possible: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 13v.2",
  ruled_out: "M4 4l8 8M12 4l-8 8",
};

/** The panel of one diagnosis. */
export function panel(diagnosis: Diagnosis, words: Words): HTMLElement {
  const further = diagnosis.evidence.filter(({ statement, measured }) => statement !== diagnosis.message || measured);
  return element(
    "div",
    { class: "kerasdoctor-panel" },
    further.length > 0 && element("ul", { class: "kerasdoctor-evidence" }, ...further.map((item) => element("li", {}, ...evidence(item)))),
    diagnosis.causes.length > 0 && element("h4", {}, words["causes"] ?? ""),
    diagnosis.causes.length > 0 &&
      element("ul", { class: "kerasdoctor-causes" }, ...diagnosis.causes.map((cause) => causeItem(cause, words))),
    element("h4", {}, words["fixes"] ?? ""),
    diagnosis.prescriptions.length === 0 && element("p", {}, words["no_fix"] ?? ""),
    ...diagnosis.prescriptions.map((prescription, i) => prescriptionBlock(prescription, i === 0, words)),
  );
}

function evidence({ statement, measured }: Evidence): (Node | string)[] {
  return [statement, " ", element("span", { class: "kerasdoctor-measured" }, measured)];
}

function causeItem(cause: Cause, words: Words): HTMLElement {
  return element(
    "li",
    { class: `kerasdoctor-cause kerasdoctor-${cause.status}` },
    element("span", { class: "kerasdoctor-status" }, icon(STATUS_ICONS[cause.status]), words[cause.status] ?? ""),
    element(
      "span",
      { class: "kerasdoctor-reason" },
      element("span", { class: "kerasdoctor-explanation" }, element("strong", {}, cause.name), `: ${cause.explanation}`),
      element("span", { class: "kerasdoctor-statement" }, ...evidence(cause.evidence)),
    ),
    cause.prescriptions.length > 0 &&
      element("span", { class: "kerasdoctor-treats" }, fill(words["treated_by"], { ids: cause.prescriptions.join(", ") })),
  );
}

/** One fix; the JupyterLab plugin finds this form here and in the static report, and adds its button. */
function prescriptionBlock(prescription: Prescription, open: boolean, words: Words): HTMLElement {
  const code = element("pre", { class: "kerasdoctor-code", tabindex: 0 }, element("code", {}, prescription.source));
  const said = element("span", { class: "kerasdoctor-said", role: "status" });
  const [before, after] = (words["hint"] ?? "").split("{command}");
  const command = element("code", {}, `%kdoctor fix ${prescription.id}`);
  const hint = element("span", { class: "kerasdoctor-hint" }, before ?? "", command, after ?? "");
  return element(
    "div",
    { class: "kerasdoctor-prescription" },
    element(
      "details",
      { open },
      element(
        "summary",
        {},
        element("span", { class: "kerasdoctor-id" }, prescription.id),
        element("strong", { class: "kerasdoctor-title" }, prescription.title),
        element("span", { class: "kerasdoctor-applicability" }, words[prescription.applicability] ?? ""),
        chevron(),
      ),
      code,
      element("div", { class: "kerasdoctor-actions" }, copyButton(prescription, code, said, words), said, hint),
    ),
  );
}

function copyButton(
  { id, title, source }: Prescription,
  code: HTMLElement,
  said: HTMLElement,
  words: Words,
): HTMLElement {
  const button = element(
    "button",
    { class: "kerasdoctor-button", type: "button", "aria-label": fill(words["copy_title"], { id, title }) },
    words["copy"] ?? "",
  );
  button.addEventListener("click", async () => {
    said.textContent = ((await copied(source, code)) ? words["copied"] : words["copy_failed"]) ?? "";
  });
  return button;
}

/** Puts `text` on the clipboard; where the page may not, the shown code is left selected. */
async function copied(text: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // no clipboard without a secure context
    const selection = getSelection();
    selection?.selectAllChildren(shown);
    return document.execCommand("copy");
  }
}
