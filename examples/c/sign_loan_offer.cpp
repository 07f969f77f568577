// The main job in C++: handles end themselves, and a fault is an exception. C++11.
//
// g++ sign_loan_offer.cpp -lotp_engine && ./a.out            All in memory; nothing is sent.
#include <otp_engine.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

namespace {

// A status other than OK is a fault, never "the code was wrong".
void must(otp_status status) {
    if (status == OTP_STATUS_OK) return;
    uint8_t detail[256] = "";
    if (otp_error_detail(detail, sizeof detail, nullptr) != OTP_STATUS_OK) detail[0] = 0;
    throw std::runtime_error(std::string(otp_status_text(status)) + ": " +
                             reinterpret_cast<const char *>(detail));
}

struct Free {
    void operator()(otp_binding *binding) const { otp_binding_free(binding); }
    void operator()(otp_engine *engine) const { otp_engine_free(engine); }
    void operator()(otp_key_ring *ring) const { otp_key_ring_free(ring); }
    void operator()(otp_store *store) const { otp_store_free(store); }
};

using Binding = std::unique_ptr<otp_binding, Free>;
using Engine = std::unique_ptr<otp_engine, Free>;
using KeyRing = std::unique_ptr<otp_key_ring, Free>;
using Store = std::unique_ptr<otp_store, Free>;

// The text must outlive the view.
otp_view view(const std::string &text) {
    return otp_view{reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

// A structure of the library, all zeros but its size.
template <typename Structure>
Structure sized() {
    Structure structure;
    std::memset(&structure, 0, sizeof structure);
    structure.struct_size = sizeof structure;
    return structure;
}

// Secrets come from the host's configuration: at least 32 random bytes each.
std::string read_secret() {
    std::random_device random;
    std::string secret;
    while (secret.size() < 32) secret.push_back(static_cast<char>(random() & 0xFF));
    return secret;
}

Engine make_engine() {
    std::string code_secret = read_secret(), index_secret = read_secret(), kid = "2026a";
    otp_code_key code;
    std::memset(&code, 0, sizeof code);
    code.kid = view(kid);
    code.secret = view(code_secret);
    auto options = sized<otp_key_ring_options>();
    options.codes = &code;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.current = view(kid);
    options.index = view(index_secret);
    otp_key_ring *ring = nullptr;
    must(otp_key_ring_new(&options, &ring));
    KeyRing owner(ring);
    otp_wipe(reinterpret_cast<uint8_t *>(&code_secret[0]), code_secret.size());
    otp_wipe(reinterpret_cast<uint8_t *>(&index_secret[0]), index_secret.size());
    otp_engine *engine = nullptr;
    must(otp_engine_new(ring, nullptr, &engine)); // the default policy, rate limits and clock
    return Engine(engine);
}

// Judges the code that was entered; tells whether the offer is signed.
bool submit(const Engine &engine, const Store &store, const Binding &binding, const std::string &code) {
    auto verdict = sized<otp_verdict>();
    must(otp_engine_verify(engine.get(), store.get(), binding.get(), reinterpret_cast<const uint8_t *>(code.data()),
                           code.size(), &verdict));
    const bool accepted = verdict.outcome == OTP_OUTCOME_ACCEPTED;
    std::printf("  %s\n", accepted ? "signed" : "not accepted");
    return accepted;
}

int run() {
    Engine engine = make_engine();
    otp_store *made = nullptr;
    must(otp_store_memory_new(0, 0, &made));
    Store store(made);
    int32_t keys = 0; // at each start: a store that other keys began must not be worked on
    must(otp_engine_check_store(engine.get(), store.get(), &keys));

    const std::string tenant = "acme", purpose = "sign", model = "loan.application", id = "15", user = "7";
    const std::string field = "client_schedule_esms_otp_signature_ids", mobile = "60123456789";
    auto options = sized<otp_binding_options>();
    options.tenant = view(tenant);
    options.purpose = view(purpose);
    options.target.model = view(model);
    options.target.field = view(field);
    options.target.id = view(id);
    options.user = view(user);
    options.recipient = view(mobile);
    options.recipient_kind = OTP_RECIPIENT_MOBILE;
    otp_binding *bound = nullptr;
    must(otp_binding_new(engine.get(), &options, &bound));
    Binding binding(bound);

    auto issued = sized<otp_issued>();
    must(otp_engine_issue(engine.get(), store.get(), binding.get(), &issued));
    if (issued.outcome != OTP_OUTCOME_ISSUED) return 1;
    const std::string code(reinterpret_cast<const char *>(issued.code)); // to be sent by the host
    otp_wipe(issued.code, sizeof issued.code);

    const bool too_early = submit(engine, store, binding, code == "000000" ? "000001" : "000000");
    const bool is_signed = submit(engine, store, binding, code.substr(0, 3) + " " + code.substr(3));
    const bool replayed = submit(engine, store, binding, code);
    return is_signed && !too_early && !replayed ? 0 : 1;
}

} // namespace

int main() {
    if (otp_abi_version() != OTP_ABI_VERSION) return 2;
    try {
        return run();
    } catch (const std::exception &fault) {
        std::fprintf(stderr, "sign_loan_offer: %s\n", fault.what());
        return 2;
    }
}
