#include "base/fact_store.h"

#include <algorithm>

namespace fdorigin {
namespace {

struct Fact {
  RegionOffset before;  // the one that was noted before it
  FactKind kind;
  StringId text;
  StringId reason;
};

// More than any process has; a damaged region must not lead round in circles.
constexpr size_t kMaxFacts = 100'000;

struct Root {
  std::atomic<RegionOffset> latest;
  FactNumbers numbers;
};

}  // namespace

bool FactStore::Create(Region* region, StringStore* strings) {
  region_ = region;
  writable_ = region;
  interning_ = strings;
  strings_ = strings;
  root_ = region->Allocate(sizeof(Root));
  region->header()->fact_store = root_;
  return root_ != 0;
}

bool FactStore::Open(const Region* region, const StringStore* strings) {
  region_ = region;
  strings_ = strings;
  root_ = region->header()->fact_store;
  return region->Has<Root>(root_);
}

void FactStore::Note(FactKind kind, std::string_view text, std::string_view reason) {
  const RegionOffset at = writable_->Allocate(sizeof(Fact));
  if (at == 0) return;
  Fact* fact = writable_->At<Fact>(at);
  fact->kind = kind;
  fact->text = interning_->Intern(text);
  fact->reason = interning_->Intern(reason);
  std::atomic<RegionOffset>& latest = writable_->At<Root>(root_)->latest;
  fact->before = latest.load(std::memory_order_relaxed);
  while (!latest.compare_exchange_weak(fact->before, at, std::memory_order_acq_rel)) {
  }
}

std::vector<FactText> FactStore::All(FactKind kind) const {
  std::vector<FactText> facts;
  RegionOffset at = region_->At<Root>(root_)->latest.load(std::memory_order_acquire);
  for (size_t i = 0; i < kMaxFacts && region_->Has<Fact>(at); ++i) {
    const Fact& fact = *region_->At<Fact>(at);
    if (fact.kind == kind && fact.text != StringId::kNone) {
      facts.push_back(
          {std::string(strings_->Get(fact.text)), std::string(strings_->Get(fact.reason))});
    }
    at = fact.before;
  }
  std::reverse(facts.begin(), facts.end());
  return facts;
}

std::string FactStore::Latest(FactKind kind) const {
  const std::vector<FactText> facts = All(kind);
  return facts.empty() ? std::string() : facts.back().text;
}

FactNumbers& FactStore::numbers() { return region_->At<Root>(root_)->numbers; }
const FactNumbers& FactStore::numbers() const { return region_->At<Root>(root_)->numbers; }

}  // namespace fdorigin
