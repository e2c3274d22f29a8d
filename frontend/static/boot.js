// Starts the page. A file of its own because the content security policy allows no inline script;
// the build writes the hashed names of the program into the attributes of the script element.
const { program, wasm } = document.getElementById("boot").dataset;
try {
  const { default: start } = await import(program);
  await start({ module_or_path: wasm });
} catch (cause) {
  console.error(cause);
  const note = document.createElement("p");
  note.setAttribute("role", "alert");
  note.textContent =
    "Oriel could not start. Please reload the page; if that does not help, your browser may be too old for WebAssembly.";
  document.body.replaceChildren(note);
}
