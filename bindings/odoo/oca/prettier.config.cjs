// As the template of the Odoo Community Association, but for width, braces and commas: docs/odoo.md.
module.exports = {
    plugins: [require.resolve("@prettier/plugin-xml")],
    printWidth: 100,
    tabWidth: 4,
    xmlWhitespaceSensitivity: "preserve",
};
