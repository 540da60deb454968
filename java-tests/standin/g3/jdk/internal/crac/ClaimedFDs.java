package jdk.internal.crac;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The descriptors that Java code answers for in one checkpoint, with or without a complaint. */
public final class ClaimedFDs {
  private static final class Claim {
    final Object claimer;
    final Supplier<Exception> supplier;

    Claim(Object claimer, Supplier<Exception> supplier) {
      this.claimer = claimer;
      this.supplier = supplier;
    }
  }

  private static final Supplier<Exception> NO_COMPLAINT = () -> null;

  private final Map<Integer, Claim> claims = new LinkedHashMap<>();

  /** Claims the descriptor unless somebody has; the supplier may give null for "all is well". */
  public void claimFd(int fd, Object claimer, Supplier<Exception> supplier) {
    claims.putIfAbsent(fd, new Claim(claimer, supplier));
  }

  public void claimFd(int fd, Object claimer) {
    claimFd(fd, claimer, NO_COMPLAINT);
  }

  public boolean isClaimed(int fd) {
    return claims.containsKey(fd);
  }

  public List<Supplier<Exception>> getSuppliers() {
    List<Supplier<Exception>> suppliers = new ArrayList<>();
    for (Claim claim : claims.values()) {
      suppliers.add(claim.supplier);
    }
    return suppliers;
  }

  public int[] getFds() {
    return claims.keySet().stream().mapToInt(Integer::intValue).toArray();
  }

  public void logClaims() {
    LoggerContainer.debug("Claimed open file descriptors:");
    claims.forEach(
        (fd, claim) -> LoggerContainer.debug(fd + " " + claim.claimer + " " + claim.supplier));
  }
}
