package jdk.internal.crac.mirror;

import java.util.function.Supplier;
import jdk.internal.crac.ClaimedFDs;
import jdk.internal.crac.JDKContext;
import jdk.internal.crac.LoggerContainer;
import jdk.internal.crac.mirror.impl.CheckpointOpenFileException;
import jdk.internal.crac.mirror.impl.CheckpointOpenResourceException;
import jdk.internal.crac.mirror.impl.CheckpointOpenSocketException;
import jdk.internal.crac.mirror.impl.ExceptionHolder;
import jdk.internal.crac.mirror.impl.OrderedContext;
import jdk.internal.standin.Vm;

/** The checkpoint itself, in the order of OpenJDK CRaC's class of the same name. */
public class Core {
  private static final int JVM_CHECKPOINT_OK = 0;
  private static final int JVM_CHECKPOINT_ERROR = 1;
  private static final int JVM_CHECKPOINT_NONE = 2;

  private static final int JVM_FAIL = 0;
  private static final int JVM_FAIL_FILE = 1;
  private static final int JVM_FAIL_SOCK = 2;
  private static final int JVM_FAIL_PIPE = 3;

  private static final Object checkpointRestoreLock = new Object();
  private static boolean checkpointInProgress = false;

  private static final OrderedContext globalContext = new OrderedContext();

  static {
    Vm.ensureLoaded();
  }

  private Core() {}

  /** Returns {Integer result, String arguments, String[] properties, int[] codes, String[]}. */
  private static native Object[] checkpointRestore0(
      int[] fdArr, Object[] objArr, boolean dryRun, long jcmdStream);

  public static Context<Resource> getGlobalContext() {
    return globalContext;
  }

  private static void translateJVMExceptions(
      int[] codes, String[] messages, ExceptionHolder<CheckpointException> problems) {
    for (int i = 0; i < codes.length; ++i) {
      switch (codes[i]) {
        case JVM_FAIL_FILE:
          problems.handle(new CheckpointOpenFileException(messages[i], null));
          break;
        case JVM_FAIL_SOCK:
          problems.handle(new CheckpointOpenSocketException(messages[i], null));
          break;
        case JVM_FAIL:
        case JVM_FAIL_PIPE:
        default:
          problems.handle(new CheckpointOpenResourceException(messages[i], null));
          break;
      }
    }
  }

  private static void checkpointRestore1(long jcmdStream)
      throws CheckpointException, RestoreException {
    ExceptionHolder<CheckpointException> problems =
        new ExceptionHolder<>(CheckpointException::new);
    ClaimedFDs claimedFds = new ClaimedFDs();
    LoggerContainer.info("Starting checkpoint");

    try {
      globalContext.beforeCheckpoint(null);
    } catch (CheckpointException e) {
      problems.handle(e);
    }
    JDKContext.beforeCheckpoint(claimedFds, problems);

    claimedFds.logClaims();
    boolean stacksWouldHelp = false;
    for (Supplier<Exception> claim : claimedFds.getSuppliers()) {
      Exception problem = claim.get();
      if (problem == null) {
        continue;
      }
      problems.handle(problem);
      stacksWouldHelp |= problem.getCause() == null;
    }
    if (stacksWouldHelp) {
      LoggerContainer.hintAtStackTraces();
    }

    boolean dryRun = problems.hasException();
    Object[] bundle = checkpointRestore0(claimedFds.getFds(), null, dryRun, jcmdStream);
    int result = bundle != null ? (Integer) bundle[0] : JVM_CHECKPOINT_NONE;
    switch (result) {
      case JVM_CHECKPOINT_OK:
        break;
      case JVM_CHECKPOINT_ERROR:
        int[] codes = (int[]) bundle[3];
        translateJVMExceptions(codes, (String[]) bundle[4], problems);
        // The scan found nothing, so it is the engine that failed; a dry run starts no engine.
        if (codes.length == 0 && !dryRun) {
          problems.handle(new RuntimeException("Native checkpoint failed."));
        }
        break;
      case JVM_CHECKPOINT_NONE:
        problems.handle(new RuntimeException("C/R is not configured"));
        break;
      default:
        problems.handle(new RuntimeException("Unknown C/R result: " + result));
        break;
    }

    RestoreException restoreProblem = null;
    try {
      globalContext.afterRestore(null);
    } catch (RestoreException e) {
      restoreProblem = e;
    }
    if (restoreProblem != null && problems.hasException()) {
      for (Throwable suppressed : restoreProblem.getSuppressed()) {
        problems.handle(suppressed);
      }
    }
    problems.throwIfAny();
    if (restoreProblem != null) {
      throw restoreProblem;
    }
  }

  private static void checkpointRestore(long jcmdStream)
      throws CheckpointException, RestoreException {
    // Held through the whole checkpoint: another thread's attempt waits, and only the checkpoint's
    // own thread can meet the flag.
    synchronized (checkpointRestoreLock) {
      if (checkpointInProgress) {
        ExceptionHolder<CheckpointException> problems =
            new ExceptionHolder<>(CheckpointException::new);
        problems.handle(new IllegalStateException("Recursive checkpoint is not allowed"));
        problems.throwIfAny();
      }
      checkpointInProgress = true;
      try {
        checkpointRestore1(jcmdStream);
      } finally {
        checkpointInProgress = false;
      }
    }
  }

  public static void checkpointRestore() throws CheckpointException, RestoreException {
    checkpointRestore(0);
  }
}
