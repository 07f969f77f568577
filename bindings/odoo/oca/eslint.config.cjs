// What ESLint recommends, and what else the template of the Odoo Community Association counts as an
// error, but for what docs/odoo.md names.
const { configs } = require("@eslint/js");
const { browser } = require("globals");

const MORE = [
    "init-declarations",
    "no-duplicate-imports",
    "no-empty-function",
    "no-eq-null",
    "no-eval",
    "no-lonely-if",
    "no-return-assign",
    "no-unneeded-ternary",
    "no-unused-expressions",
    "operator-assignment",
    "spaced-comment",
    "strict",
];

module.exports = [
    {
        languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: browser },
        rules: {
            ...configs.recommended.rules,
            ...Object.fromEntries(MORE.map((rule) => [rule, "error"])),
            "no-use-before-define": ["error", { classes: false, functions: false }],
        },
    },
];
