#include "policies/draft.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "model/display_text.h"
#include "policies/owner_message.h"
#include "policies/rule.h"
#include "text/describe.h"
#include "text/sheet.h"

namespace fdorigin {
namespace {

using model::Descriptor;
using model::Report;

constexpr size_t kWidth = 96;
constexpr size_t kMostNamed = 8;

// A paragraph as comment lines. Those that hang are indented by two columns.
std::string Comment(const std::string& text, bool hangs = false) {
  Sheet sheet(kWidth - 2, /*colored=*/false);
  sheet.Paragraph(0, hangs ? 2 : 0, {Inked(text)});
  std::string comment;
  std::string_view rest = sheet.str();
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    comment.append("# ").append(rest.substr(0, end)).append("\n");
    rest.remove_prefix(end + 1);
  }
  return comment;
}

// "fd 7 socket ipv6/tcp listening on [::]:8080: socket() by com.example.Harbor.moor
// (Harbor.java:9)"
std::string Tell(const Report& report, const Descriptor& descriptor) {
  std::string text = fmt::format("fd {} {}", descriptor.fd, DescribeDescriptor(descriptor));
  if (descriptor.origin == nullptr) {
    return text + fmt::format(" ({})", DisplayText(descriptor.attribution));
  }
  return fmt::format("{}: {}", text, DescribeOpening(report, descriptor));
}

constexpr std::string_view kKernelsPort =
    "The kernel chose this port, and will choose another one in the next run.";

// Descriptors that the same is written for.
struct Entry {
  Rule rule;           // without lines where there is none
  std::string remedy;  // where there is no rule
  std::vector<const Descriptor*> descriptors;
};

// In the order in which they came.
class Entries {
 public:
  Entry& Of(const std::string& key) {
    const auto [found, is_new] = places_.try_emplace(key, entries_.size());
    if (is_new) entries_.emplace_back();
    return entries_[found->second];
  }
  std::vector<Entry>& all() { return entries_; }

 private:
  std::unordered_map<std::string, size_t> places_;
  std::vector<Entry> entries_;
};

class Drafter {
 public:
  explicit Drafter(const Report& report) : report_(report) {}

  PoliciesDraft Draft() {
    for (const Descriptor& descriptor : report_.descriptors) Place(descriptor);
    for (const model::Suppressed& suppressed : report_.trigger.suppressed) {
      // One message for both ends, which names neither.
      if (ReadOwnerMessage(suppressed).is_pipe) {
        const Rule rule = RuleOfPipes();
        rules_.Of(rule.lines).rule = rule;
      }
    }
    std::stable_sort(rules_.all().begin(), rules_.all().end(),
                     [](const Entry& a, const Entry& b) { return a.rule.order < b.rule.order; });
    PoliciesDraft draft;
    draft.rules = rules_.all().size();
    draft.text = Beginning();
    for (const Entry& entry : rules_.all()) {
      draft.text += &entry == rules_.all().data() ? "\n" : "---\n";
      draft.text += TextOf(entry);
    }
    for (const Entry& entry : refused_.all()) draft.out_of_reach += entry.descriptors.size();
    if (draft.out_of_reach == 0) return draft;
    draft.text += "\n" + Comment(fmt::format("Out of the reach of policies: {}.",
                                             Count(draft.out_of_reach, "descriptor")));
    for (const Entry& entry : refused_.all()) {
      draft.text += "#\n" + Names(entry);
      if (!entry.remedy.empty()) draft.text += Comment("  " + entry.remedy, /*hangs=*/true);
    }
    return draft;
  }

 private:
  // The most telling message about it decides.
  void Place(const Descriptor& descriptor) {
    OwnerMessage message;
    for (const int index : descriptor.failures) {
      const OwnerMessage read =
          ReadOwnerMessage(report_.trigger.suppressed[static_cast<size_t>(index)]);
      if (read.level > message.level) message = read;
    }
    if (message.level != MessageLevel::kJava) {
      // Advice without a message: a selector or a watch service failed, and it may be about these.
      if (descriptor.blocking || descriptor.advice) Refuse(descriptor, {});
      return;
    }
    RuleOrReason made = MakeRule(report_, descriptor, message);
    if (!made.rule) return Refuse(descriptor, made.reason);
    Entry& entry = rules_.Of(made.rule->lines);
    if (entry.descriptors.empty()) entry.rule = *std::move(made.rule);
    entry.descriptors.push_back(&descriptor);
  }

  void Refuse(const Descriptor& descriptor, std::string_view why) {
    std::string remedy = descriptor.advice ? DisplayText(descriptor.advice->text) : "";
    if (!why.empty()) remedy = fmt::format("No rule can be written: {}. {}", why, remedy);
    Entry& entry = refused_.Of(remedy);
    entry.remedy = std::move(remedy);
    entry.descriptors.push_back(&descriptor);
  }

  std::string Beginning() const {
    std::string text =
        Comment(fmt::format("A draft for -Djdk.crac.resource-policies, of {}, {}.",
                            DisplayText(report_.path), DisplayText(report_.created_at)));
    const model::Trigger& trigger = report_.trigger;
    if (!trigger.has_exception) {
      return text + Comment(
                        "There is no failed checkpoint in it, and so nothing that tells which "
                        "descriptors Java objects own: policies are for those only.");
    }
    text += Comment(
        "The first rule that fits decides. Read each one before you use it: it is for everything "
        "that fits it, and not for these descriptors only.");
    const bool is_old =
        std::any_of(trigger.suppressed.begin(), trigger.suppressed.end(),
                    [](const auto& s) { return s.class_name.starts_with("jdk.crac.impl."); });
    if (is_old) {
      text += Comment(
          "The JDK is of an older build (its exceptions are those of jdk.crac.impl), which may not "
          "know policies.");
    }
    return text;
  }

  std::string Names(const Entry& entry) const {
    std::string text;
    const size_t count = entry.descriptors.size();
    for (size_t i = 0; i < std::min(count, kMostNamed); ++i) {
      text += Comment(Tell(report_, *entry.descriptors[i]), /*hangs=*/true);
    }
    if (count > kMostNamed) text += Comment(fmt::format("and {} more", count - kMostNamed));
    return text;
  }

  std::string TextOf(const Entry& entry) {
    std::string text = Names(entry);
    // Once is enough.
    if (std::find(said_.begin(), said_.end(), entry.rule.remark) == said_.end()) {
      said_.push_back(entry.rule.remark);
      text += Comment(std::string(entry.rule.remark));
    }
    if (entry.rule.kernel_chose_port) text += Comment(std::string(kKernelsPort));
    return text + entry.rule.lines;
  }

  const Report& report_;
  Entries rules_;
  Entries refused_;
  std::vector<std::string_view> said_;
};

}  // namespace

PoliciesDraft DraftPolicies(const Report& report) { return Drafter(report).Draft(); }

}  // namespace fdorigin
