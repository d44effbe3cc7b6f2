// Texts of the page by their names in strings.py: of two forms the one that fits `count`, with its {fields} filled in.
window.reelweaveText = (name, fields = {}) => {
  const found = window.reelweaveStrings[name], text = Array.isArray(found) ? found[fields.count === 1 ? 0 : 1] : found;
  return text.replace(/\{(\w+)\}/g, (field, key) => fields[key] ?? field);
};
