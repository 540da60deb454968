package jdk.internal.crac;

/** The logger of the checkpoint code, made when it is first needed. */
public final class LoggerContainer {
  private static final System.Logger logger = System.getLogger("jdk.crac");
  private static boolean hinted = false;

  private LoggerContainer() {}

  public static void info(String message) {
    logger.log(System.Logger.Level.INFO, message);
  }

  public static void debug(String message) {
    logger.log(System.Logger.Level.DEBUG, message);
  }

  /** Says, once in the life of the process, how to learn more. */
  public static void hintAtStackTraces() {
    if (hinted || Boolean.getBoolean("jdk.crac.collect-fd-stacktraces")) {
      return;
    }
    hinted = true;
    info("Use -Djdk.crac.collect-fd-stacktraces=true to find the source.");
  }
}
