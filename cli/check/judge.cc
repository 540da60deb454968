#include "check/judge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "check/finding_text.h"
#include "check/fingerprint.h"
#include "check/matching.h"
#include "fmt/format.h"

namespace fdorigin::check {
namespace {

using model::Descriptor;
using model::Report;

class Judgement {
 public:
  Judgement(const Report& report, const Scope& scope)
      : report_(report),
        scope_(scope),
        rules_(*scope.rules),
        fingerprints_(report),
        was_used_(rules_.allow.size() + rules_.forbid.size() + rules_.suppress.size()) {
    verdict_.allowed_by.resize(rules_.allow.size());
  }

  Verdict Make() {
    std::vector<bool> named(report_.trigger.suppressed.size());
    bool any_blocks = false;
    for (const Descriptor& descriptor : report_.descriptors) {
      for (const int index : descriptor.failures) named[static_cast<size_t>(index)] = true;
      any_blocks = any_blocks || descriptor.blocking;
      JudgeDescriptor(descriptor);
    }
    const model::Trigger& trigger = report_.trigger;
    for (size_t i = 0; i < named.size(); ++i) {
      if (!named[i]) JudgeFailure(trigger.suppressed[i].class_name, trigger.suppressed[i].message);
    }
    if (trigger.has_exception && trigger.suppressed.empty() && !any_blocks) {
      const bool has_cause = trigger.message.empty() && !trigger.causes.empty();
      JudgeFailure(trigger.class_name, has_cause ? trigger.causes[0].message : trigger.message);
    }
    SayWhatIsUnused();
    return std::move(verdict_);
  }

 private:
  void JudgeDescriptor(const Descriptor& descriptor) {
    const bool in_scope = descriptor.blocking || scope_.check_all || rules_.check_all;
    if (!in_scope && rules_.forbid.empty()) return;
    const std::string fingerprint = fingerprints_.Of(descriptor);
    Finding finding;
    finding.fingerprint = fingerprint;
    for (size_t i = 0; i < rules_.forbid.size(); ++i) {
      if (!Matches(rules_.forbid[i].conditions, report_, descriptor, fingerprint)) continue;
      was_used_[rules_.allow.size() + i] = true;
      finding.offence = Offence::kForbidden;
      finding.rule = &rules_.forbid[i];
      ++verdict_.checked;
      return Add(std::move(finding), &descriptor);
    }
    if (!in_scope) return;
    ++verdict_.checked;
    if (IsAllowed(
            [&](const Rule& rule) {
              return Matches(rule.conditions, report_, descriptor, fingerprint);
            },
            &finding.rule)) {
      ++verdict_.allowed;
      return;
    }
    finding.offence = descriptor.blocking ? Offence::kBlocking : Offence::kNotAllowed;
    Add(std::move(finding), &descriptor);
  }

  void JudgeFailure(std::string_view class_name, std::string_view message) {
    Finding finding;
    finding.offence = Offence::kFailure;
    finding.fingerprint = Fingerprints::OfFailure(class_name);
    finding.failure = class_name;
    finding.message = message;
    const auto matches = [&](const Rule& rule) {
      return MatchesFailure(rule.conditions, class_name, finding.fingerprint);
    };
    if (!IsAllowed(matches, &finding.rule)) Add(std::move(finding), nullptr);
  }

  // Counts it for the first rule that allows it and has room. Where it is not allowed,
  // `*exhausted` is the first rule that would have, had it had room.
  template <typename Predicate>
  bool IsAllowed(const Predicate& matches, const Rule** exhausted) {
    for (size_t i = 0; i < rules_.allow.size(); ++i) {
      const Rule& rule = rules_.allow[i];
      if (!matches(rule)) continue;
      was_used_[i] = true;
      if (!rule.at_most || verdict_.allowed_by[i] < *rule.at_most) {
        ++verdict_.allowed_by[i];
        return true;
      }
      if (*exhausted == nullptr) *exhausted = &rule;
    }
    return false;
  }

  const Suppression* SuppressionOf(const Finding& finding, const Descriptor* descriptor) {
    const Suppression* found = nullptr;
    for (size_t i = 0; i < rules_.suppress.size(); ++i) {
      const Suppression& suppression = rules_.suppress[i];
      const bool matches =
          descriptor != nullptr
              ? Matches(suppression.conditions, report_, *descriptor, finding.fingerprint)
              : MatchesFailure(suppression.conditions, finding.failure, finding.fingerprint);
      if (!matches) continue;
      was_used_[rules_.allow.size() + rules_.forbid.size() + i] = true;
      if (found == nullptr && !IsExpired(suppression)) found = &suppression;
    }
    return found;
  }

  // Dates in this form are ordered as text.
  bool IsExpired(const Suppression& suppression) const { return suppression.until < scope_.today; }

  // Puts it to those that are like it.
  void Add(Finding finding, const Descriptor* descriptor) {
    finding.suppression = SuppressionOf(finding, descriptor);
    if (finding.suppression == nullptr && scope_.baseline != nullptr) {
      const auto known = scope_.baseline->known.find(finding.fingerprint);
      if (known != scope_.baseline->known.end()) {
        finding.known = known->second.count;
        finding.in_baseline = seen_[finding.fingerprint]++ < finding.known;
      }
    }
    const bool is_excused = finding.suppression != nullptr || finding.in_baseline;
    std::vector<Finding>& list = is_excused ? verdict_.excused : verdict_.findings;
    const auto [place, is_new] =
        index_of_.try_emplace(Key(finding.offence, finding.fingerprint, finding.rule,
                                  finding.suppression, finding.in_baseline),
                              list.size());
    if (is_new) list.push_back(std::move(finding));
    Finding& group = list[place->second];
    ++group.count;
    if (descriptor != nullptr) group.descriptors.push_back(descriptor);
  }

  void SayWhatIsUnused() {
    size_t i = 0;
    for (const auto* list : {&rules_.allow, &rules_.forbid}) {
      for (const Rule& rule : *list) {
        if (was_used_[i++]) continue;
        Say(rule.place, fmt::format("the rule '{}' is not needed: nothing matches it that an "
                                    "earlier one does not",
                                    rule.name));
      }
    }
    for (const Suppression& suppression : rules_.suppress) {
      const bool was_used = was_used_[i++];
      const std::string what = fmt::format("the suppression '{}'", suppression.reason);
      if (!IsExpired(suppression)) {
        if (!was_used) Say(suppression.place, what + " is not needed: nothing matches it");
        continue;
      }
      Say(suppression.place,
          fmt::format("{} ended on {}{}", what, suppression.until,
                      was_used ? " and suppresses nothing any more" : ", and nothing matches it"));
    }
    if (scope_.baseline == nullptr) return;
    for (const auto& [fingerprint, known] : scope_.baseline->known) {
      if (seen_.find(fingerprint) != seen_.end()) continue;
      verdict_.notices.push_back(
          {scope_.baseline->path,
           {},
           fmt::format("it is gone: {} ({})", known.description, fingerprint)});
    }
  }

  void Say(const Place& place, std::string text) {
    verdict_.notices.push_back({rules_.path, place, std::move(text)});
  }

  using Key = std::tuple<Offence, std::string, const Rule*, const Suppression*, bool>;

  const Report& report_;
  const Scope& scope_;
  const Rules& rules_;
  Fingerprints fingerprints_;
  Verdict verdict_;
  std::vector<bool> was_used_;          // rules that allow, that forbid, suppressions
  std::map<Key, size_t> index_of_;      // in the list that it belongs to
  std::map<std::string, size_t> seen_;  // of what the baseline has, by fingerprint
};

}  // namespace

Verdict Judge(const Report& report, const Scope& scope) { return Judgement(report, scope).Make(); }

Baseline BaselineOf(const Report& report, const Verdict& verdict) {
  Baseline baseline;
  for (const auto* list : {&verdict.findings, &verdict.excused}) {
    for (const Finding& finding : *list) {
      if (finding.suppression != nullptr) continue;
      Known& known = baseline.known[finding.fingerprint];
      known.count += finding.count;
      known.description = TitleOf(report, finding);
    }
  }
  return baseline;
}

}  // namespace fdorigin::check
